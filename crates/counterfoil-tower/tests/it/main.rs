//! Tests through the public interface.
#![expect(
    clippy::unwrap_used,
    reason = "services and helpers of these tests; what they unwrap is what the test asserts"
)]

mod allocations;
mod axum_app;
mod calls;
mod cardinality;
mod client;
mod ends;
mod health;
mod messages;
mod server;
mod spans;
mod tonic_service;

use std::sync::Arc;
use std::time::Duration;

use counterfoil_core::{MetricValue, Timestamp};
use counterfoil_metrics::Registry;
use counterfoil_testkit::{CountingIds, FakeClock};
use counterfoil_tower::{ServerBuilder, ServerLayer};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// What a layer under test counts in, and the time that it sees.
struct Bench {
    registry: Registry,
    clock: Arc<FakeClock>,
    ids: Arc<CountingIds>,
}

impl Bench {
    fn new() -> Self {
        Self {
            registry: Registry::new(),
            clock: Arc::new(FakeClock::new()),
            ids: Arc::new(CountingIds::new()),
        }
    }

    fn server(&self) -> ServerBuilder {
        ServerLayer::builder(&self.registry)
            .clock(Arc::clone(&self.clock))
            .ids(Arc::clone(&self.ids))
    }

    fn step(&self, milliseconds: u64) {
        self.clock.step(Duration::from_millis(milliseconds));
    }

    /// The series of a family, one a line: its labels that are not empty, then the value; of a histogram count and sum.
    fn series(&self, family: &str) -> String {
        let snapshot = self.registry.snapshot(Timestamp::from_unix_seconds(0));
        let families = snapshot.families.iter().filter(|it| &*it.name == family);
        let mut lines: Vec<_> = families
            .flat_map(|family| &family.series)
            .map(|series| {
                let labels = series.meta.labels.iter().filter(|it| !it.1.is_empty());
                let labels: Vec<_> = labels
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                let value = match &series.value {
                    MetricValue::Histogram(it) => format!("{} in {:.3} s", it.count(), it.sum),
                    MetricValue::UpDownCounter(it) => it.to_string(),
                    MetricValue::Counter(it) => it.to_string(),
                    other => format!("{other:?}"),
                };
                format!("{} {value}", labels.join(" "))
            })
            .collect();
        lines.sort();
        lines.join("\n")
    }

    fn requests(&self) -> String {
        self.series("http.server.request.duration")
    }

    fn active(&self) -> String {
        self.series("http.server.active_requests")
    }
}
