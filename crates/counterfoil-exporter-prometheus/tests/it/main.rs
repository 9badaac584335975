//! Tests through the public interface.

#![allow(
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do, and say what they skip"
)]

mod beside;
mod oracle;
mod parsed;
mod prometheus;
mod promtool;
mod rendering;
mod server;

use counterfoil_core::{Clock, Ticks, Timestamp, TraceContext};
use counterfoil_metrics::Registry;

counterfoil_core::instruments! {
    /// What these tests count.
    TABLE: prefix "app.", labels ["colour", "kind"];

    /// Jobs that were "seen".
    SEEN: Counter("app.seen", "{job}", ["kind"]);
    /// Jobs that are held.
    HELD: UpDownCounter("app.held", "{job}", []);
    /// How full it is.
    LEVEL: Gauge("app.level", "1", []);
    /// How long it took.
    WAIT: Histogram("app.wait", "s", ["colour"], bounds: &[0.001, 0.1, 10.0], ceiling: 60.0);
    /// How large it is.
    SIZE: ExponentialHistogram("app.size", "By", [], ceiling: 1e9);
}

#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn ticks(&self) -> Ticks {
        Ticks(0)
    }

    fn utc(&self) -> Timestamp {
        Timestamp::from_unix_nanos(1_700_000_000_125_900_000)
    }
}

/// A registry whose exemplars all have the same time.
fn registry() -> Registry {
    Registry::builder().clock(Stopped).build()
}

/// A sampled span whose ids tell the number.
fn trace(number: u64) -> TraceContext {
    let text = format!("00-{number:032x}-{number:016x}-01");
    text.parse().unwrap()
}

#[test]
fn the_table_of_these_tests_keeps_the_rules() {
    assert_eq!(TABLE.check(), Vec::new());
}
