//! The exporter from the outside.
