//! The AnchorStore contract: compare-and-set of a chain's head, in memory or in a file
