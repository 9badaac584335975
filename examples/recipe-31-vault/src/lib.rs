//! A vault of content-addressed objects, observed in three layers: see the README.
