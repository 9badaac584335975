//! The table of our own telemetry names.
