//! What a load comes to, counted in records.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Counts of all connections, read while they grow.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Records that were due and handed to the connection; each counts once.
    pub(super) offered: Count,
    /// Records that the collector acknowledged, each once, whether in an answer or as its head after a broken connection.
    pub(super) acknowledged: Count,
    /// Records in requests, each as often as it was sent.
    pub(super) sent: Count,
    /// Records in requests that ended with a refusal and no acknowledgement.
    pub(super) refused: Count,
    /// Records in requests that were never answered.
    pub(super) unanswered: Count,
    /// Records among the acknowledged ones that were found in the collector's head after a request without an acknowledgement.
    pub(super) found: Count,
    /// Records that were sent before and were sent again.
    pub(super) retried: Count,
    /// Records that were due in the time of the run, and for which it was over before a connection was free.
    pub(super) unsent: Count,
    /// Requests.
    pub(super) requests: Count,
    /// Bytes of acknowledged batches.
    pub(super) bytes: Count,
    /// Records that were sealed while the clock ran.
    pub(super) sealed_meanwhile: Count,
    /// Nanoseconds of processor time for that.
    pub(super) sealing_ns: Count,
}

/// A number that grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// From the moment at which records were due to their acknowledgement, in microseconds, one value per record.
#[derive(Debug)]
pub(super) struct Latencies(Histogram<u64>);

impl Latencies {
    /// Microseconds to an hour, to three digits.
    #[expect(
        clippy::expect_used,
        reason = "the bounds and the digits are constants that the crate allows"
    )]
    pub(super) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("bounds that the crate allows"))
    }

    pub(super) fn record(&mut self, latency: Duration, records: u64) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record_n(micros.max(1), records);
    }

    pub(super) fn add(&mut self, other: &Self) {
        // Both have the same bounds, so there is nothing that could not be added.
        let _fits = self.0.add(&other.0);
    }

    /// Milliseconds below which `q` of the records lie.
    pub(super) fn quantile(&self, q: f64) -> f64 {
        self.0.value_at_quantile(q) as f64 / 1e3
    }

    pub(super) fn max(&self) -> f64 {
        self.0.max() as f64 / 1e3
    }
}
