//! How many requests there were lately and what came of them, from the counts that the layer keeps anyway.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use counterfoil::metrics::Registry;
use counterfoil::{Clock, HistogramValue, MetricValue, Observer, SeriesMeta, Ticks, names};
use parking_lot::Mutex;

use super::{INTERVAL, OVERVIEW, WINDOW};
use crate::errors::CATALOGUE;

/// Readings that cover the window, and one at either end.
const MOST: usize = (WINDOW.as_secs() / INTERVAL.as_secs()) as usize + 2;

/// Readings of the counts, the oldest first, as far back as the window reaches.
#[derive(Debug)]
pub(super) struct Traffic {
    registry: Registry,
    clock: Arc<dyn Clock>,
    readings: Mutex<VecDeque<(Ticks, Counts)>>,
}

/// Requests, and what came of them. Requests for the overview itself are not counted.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    pub(super) latency: HistogramValue,
    /// The server failed.
    pub(super) failed: u64,
    /// The client was told that it may not, or cannot.
    pub(super) refused: u64,
    /// By code of the catalogue.
    pub(super) by_code: BTreeMap<&'static str, u64>,
}

/// What there was in the window.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// How much of the window there are readings of.
    pub(super) covered: Duration,
    pub(super) counts: Counts,
}

impl Traffic {
    /// With a first reading, of now.
    pub(super) fn new(observer: &Observer) -> Self {
        let traffic = Self {
            registry: observer.registry().clone(),
            clock: Arc::clone(observer.clock()),
            readings: Mutex::default(),
        };
        traffic.note();
        traffic
    }

    /// Notes the counts of now, and forgets those that the window no longer needs.
    pub(super) fn note(&self) {
        let reading = self.read();
        let mut readings = self.readings.lock();
        let beyond = |second: &(Ticks, Counts)| since(second.0, reading.0) >= WINDOW;
        while readings.get(1).is_some_and(beyond) || readings.len() >= MOST {
            readings.pop_front();
        }
        readings.push_back(reading);
    }

    /// What was counted since the reading at the window's beginning.
    pub(super) fn seen(&self) -> Seen {
        let (now, counts) = self.read();
        let readings = self.readings.lock();
        let within = readings.iter().find(|(at, _)| since(*at, now) <= WINDOW);
        match within {
            Some((then, before)) => Seen {
                covered: since(*then, now),
                counts: counts.since(before),
            },
            None => Seen {
                covered: Duration::ZERO,
                counts: counts.since(&counts),
            },
        }
    }

    fn read(&self) -> (Ticks, Counts) {
        let at = self.clock.ticks();
        let snapshot = self.registry.peek(self.clock.utc());
        let mut counts = Counts::none();
        let name = names::HTTP_SERVER_REQUEST_DURATION.instrument().name;
        let families = snapshot.families.iter().filter(|it| *it.name == *name);
        for series in families.flat_map(|family| &family.series) {
            if let MetricValue::Histogram(value) = &series.value
                && label(&series.meta, "http.route") != Some(OVERVIEW)
            {
                counts.add(&series.meta, value);
            }
        }
        (at, counts)
    }
}

impl Counts {
    fn none() -> Self {
        let bounds: Arc<[f64]> = names::REQUEST_SECONDS.into();
        Self {
            latency: HistogramValue {
                counts: vec![0; bounds.len() + 1],
                bounds,
                sum: 0.0,
                over_ceiling: 0,
                refused: 0,
                exemplars: Vec::new(),
            },
            failed: 0,
            refused: 0,
            by_code: BTreeMap::new(),
        }
    }

    fn add(&mut self, meta: &SeriesMeta, value: &HistogramValue) {
        let count = value.count();
        self.latency.merge(value);
        let status = label(meta, "http.response.status_code").unwrap_or_default();
        let code = label(meta, "error.type");
        match status.as_bytes().first() {
            Some(b'4') => self.refused += count,
            Some(b'1' | b'2' | b'3') => {}
            // A client that did not wait was not failed; a handler that panicked answered nothing.
            None if code == Some("cancelled") => {}
            _ => self.failed += count,
        }
        let known = code.and_then(|code| CATALOGUE.iter().find(|it| it.as_str() == code));
        if let Some(code) = known {
            *self.by_code.entry(code.as_str()).or_default() += count;
        }
    }

    fn since(&self, earlier: &Self) -> Self {
        let before = |code| earlier.by_code.get(code).copied().unwrap_or_default();
        let by_code = self
            .by_code
            .iter()
            .map(|(code, count)| (*code, count.saturating_sub(before(code))));
        Self {
            latency: self.latency.since(&earlier.latency),
            failed: self.failed.saturating_sub(earlier.failed),
            refused: self.refused.saturating_sub(earlier.refused),
            by_code: by_code.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

fn label<'a>(meta: &'a SeriesMeta, key: &str) -> Option<&'a str> {
    let mut labels = meta.labels.iter();
    labels.find_map(|(name, value)| (**name == *key).then_some(&**value))
}

const fn since(earlier: Ticks, now: Ticks) -> Duration {
    Duration::from_nanos(now.0.saturating_sub(earlier.0))
}

#[cfg(test)]
mod tests {
    use counterfoil_testkit::FakeClock;

    use super::*;

    /// A request of this route, answered with this status and code.
    fn request(traffic: &Traffic, route: &str, status: &str, code: &str, took: Duration) {
        let durations = traffic
            .registry
            .family(&names::HTTP_SERVER_REQUEST_DURATION);
        durations
            .with(&["GET", "http", route, status, code])
            .record_duration(took);
    }

    fn traffic(clock: &Arc<FakeClock>) -> Traffic {
        let observer = Observer::builder().clock(Arc::clone(clock));
        Traffic::new(&observer.build().unwrap())
    }

    #[test]
    fn only_what_came_within_the_window_is_seen() {
        let clock = Arc::new(FakeClock::new());
        let traffic = traffic(&clock);
        request(&traffic, "/v1/me", "200", "", Duration::from_millis(1));
        for _ in 0..3 * MOST {
            clock.step(INTERVAL);
            traffic.note();
        }
        assert_eq!(traffic.readings.lock().len(), MOST - 1);
        request(&traffic, "/v1/me", "200", "", Duration::from_millis(90));
        let seen = traffic.seen();
        assert_eq!(seen.covered, WINDOW);
        assert_eq!(seen.counts.latency.count(), 1);
        assert_eq!(seen.counts.latency.quantile_bound(0.95), Some(0.1));
    }

    #[test]
    fn a_request_is_refused_or_failed_by_its_status_and_those_for_the_overview_do_not_count() {
        let traffic = traffic(&Arc::new(FakeClock::new()));
        let all = [
            ("/v1/me", "200", ""),
            ("/v1/me", "401", "auth.unauthenticated"),
            ("/v1/me", "503", "store.unavailable"),
            ("/v1/me", "", "panic"),
            ("/v1/me", "", "cancelled"),
            (OVERVIEW, "503", "store.unavailable"),
        ];
        for (route, status, code) in all {
            request(&traffic, route, status, code, Duration::from_millis(1));
        }
        let counts = traffic.seen().counts;
        assert_eq!(counts.latency.count(), 5);
        assert_eq!((counts.refused, counts.failed), (1, 2));
        let codes: Vec<_> = counts.by_code.into_iter().collect();
        assert_eq!(
            codes,
            [("auth.unauthenticated", 1), ("store.unavailable", 1)]
        );
    }
}
