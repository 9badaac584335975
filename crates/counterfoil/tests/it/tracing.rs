//! From `tracing` to log lines, spans, log records and events of the ring.

mod callsites;
mod from_within;
mod lines;
mod ring;
mod sampling;
mod scalars;
mod spans;
pub(crate) mod support;
