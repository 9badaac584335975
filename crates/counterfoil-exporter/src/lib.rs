//! The Exporter contract and its wrappers; JSON-lines and in-memory exporters
