//! Tests through the public interface.

#![allow(
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do, and say what they skip"
)]

mod promtool;
mod rendering;
mod server;

counterfoil_core::instruments! {
    /// What these tests count.
    TABLE: prefix "app.", labels ["colour", "kind"];

    /// Jobs that were seen.
    SEEN: Counter("app.seen", "{job}", ["kind"]);
    /// Jobs that are held.
    HELD: UpDownCounter("app.held", "{job}", []);
    /// How full it is.
    LEVEL: Gauge("app.level", "1", []);
    /// How long it took.
    WAIT: Histogram("app.wait", "s", ["colour"], bounds: &[0.001, 0.1, 10.0], ceiling: 60.0);
}

#[test]
fn the_table_of_these_tests_keeps_the_rules() {
    assert_eq!(TABLE.check(), Vec::new());
}
