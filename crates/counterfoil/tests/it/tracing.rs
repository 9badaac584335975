//! From `tracing` to log lines, spans, log records and events of the ring.

mod lines;
mod ring;
mod spans;
mod support;
