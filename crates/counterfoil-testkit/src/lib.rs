//! Conformance suites, a fake clock and other help for tests of Counterfoil backends

pub mod event_sink;
