//! Reading the metrics as a scraper does: totals at intervals, and what changed in between.

use std::fmt;
use std::time::Duration;

use counterfoil::metrics::FabricMetrics;
use counterfoil::{OpType, Timestamp};

use super::VirtualClock;

/// What the metrics say about the time between two scrapes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Window {
    /// When it begins.
    pub start: Timestamp,
    /// How many reads ended in it.
    pub reads: u64,
    /// Below what 99 of 100 of them stayed; nothing when there were none.
    pub p99: Option<Latency>,
    /// How many leases expired in it.
    pub expired: u64,
}

/// A quantile as a histogram knows it: by the bounds of a bucket, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
#[allow(
    clippy::exhaustive_enums,
    reason = "a value lies in a bucket or above them all"
)]
pub enum Latency {
    /// Not above this bound.
    AtMost(f64),
    /// Above the largest bound.
    Above(f64),
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, seconds) = match self {
            Self::AtMost(bound) => ("<=", bound),
            Self::Above(bound) => (">", bound),
        };
        if *seconds < 1.0 {
            write!(f, "{sign} {} ms", seconds * 1_000.0)
        } else {
            write!(f, "{sign} {seconds} s")
        }
    }
}

/// Remembers the totals of the scrape before.
#[derive(Debug, Default)]
pub(crate) struct Scraper {
    at: Duration,
    counts: Vec<u64>,
    expired: u64,
}

impl Scraper {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn scrape(&mut self, metrics: &FabricMetrics, now: Duration) -> Window {
        let reads = metrics.operation_duration.at(OpType::Read).get();
        let expired = metrics.leases_expired.get();
        self.counts.resize(reads.counts.len(), 0);
        let counts: Vec<_> = reads
            .counts
            .iter()
            .zip(&self.counts)
            .map(|(total, before)| total - before)
            .collect();
        let window = Window {
            start: VirtualClock::at(self.at),
            reads: counts.iter().sum(),
            p99: p99(&counts, &reads.bounds),
            expired: expired - self.expired,
        };
        *self = Self {
            at: now,
            counts: reads.counts,
            expired,
        };
        window
    }
}

/// The bucket that holds the value which 99 % are not above.
fn p99(counts: &[u64], bounds: &[f64]) -> Option<Latency> {
    let total: u64 = counts.iter().sum();
    let wanted = (total * 99).div_ceil(100);
    let mut seen = 0;
    let bucket = counts.iter().position(|count| {
        seen += count;
        total > 0 && seen >= wanted
    })?;
    match bounds.get(bucket) {
        Some(bound) => Some(Latency::AtMost(*bound)),
        None => bounds.last().map(|bound| Latency::Above(*bound)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_read_in_a_hundred_does_not_move_the_p99_and_two_do() {
        let bounds = [0.001, 0.01];
        assert_eq!(p99(&[99, 1, 0], &bounds), Some(Latency::AtMost(0.001)));
        assert_eq!(p99(&[98, 2, 0], &bounds), Some(Latency::AtMost(0.01)));
        assert_eq!(p99(&[98, 0, 2], &bounds), Some(Latency::Above(0.01)));
        assert_eq!(p99(&[0, 0, 0], &bounds), None);
    }

    #[test]
    fn a_latency_is_shown_in_the_unit_that_fits() {
        assert_eq!(Latency::AtMost(0.0005).to_string(), "<= 0.5 ms");
        assert_eq!(Latency::Above(10.0).to_string(), "> 10 s");
    }
}
