//! What came of the requests.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::objectives::Objectives;

/// What a request did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Create,
    Show,
    List,
    Release,
    Webhook,
}

/// Times in microseconds, all together and by what was done, and why requests failed.
pub(crate) struct Figures {
    all: Histogram<u64>,
    by_operation: BTreeMap<Operation, Histogram<u64>>,
    errors: BTreeMap<String, u64>,
}

impl Figures {
    pub(crate) fn new() -> Self {
        Self {
            all: histogram(),
            by_operation: BTreeMap::new(),
            errors: BTreeMap::new(),
        }
    }

    pub(crate) fn note(&mut self, operation: Operation, elapsed: Duration) {
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        self.all.saturating_record(micros);
        let of_operation = self.by_operation.entry(operation).or_insert_with(histogram);
        of_operation.saturating_record(micros);
    }

    pub(crate) fn note_error(&mut self, error: &ureq::Error) {
        *self.errors.entry(error.to_string()).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        // Both have the same bounds, so one takes the other.
        self.all.add(&other.all).ok();
        for (operation, figures) in &other.by_operation {
            let own = self
                .by_operation
                .entry(*operation)
                .or_insert_with(histogram);
            own.add(figures).ok();
        }
        for (error, count) in &other.errors {
            *self.errors.entry(error.clone()).or_default() += count;
        }
    }

    /// Requests that were answered.
    pub(crate) fn requests(&self) -> u64 {
        self.all.len()
    }

    fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    pub(crate) fn text(&self, elapsed: Duration, objectives: &Objectives) -> String {
        let mut text = String::new();
        let rate = self.requests() as f64 / elapsed.as_secs_f64();
        let (requests, failed) = (self.requests(), self.failed());
        // Writing to a text does not fail.
        writeln!(
            text,
            "{requests} requests, {failed} errors, {rate:.1} requests/s\n"
        )
        .ok();
        writeln!(
            text,
            "{:<10}{:>9}{:>10}{:>10}{:>10}{:>10}",
            "ms", "requests", "p50", "p95", "p99", "max"
        )
        .ok();
        let rows = self
            .by_operation
            .iter()
            .map(|(it, figures)| (name(*it), figures));
        for (name, figures) in rows.chain([("all", &self.all)]) {
            let [p50, p95, p99, max] = quantiles(figures);
            writeln!(
                text,
                "{name:<10}{:>9}{p50:>10.2}{p95:>10.2}{p99:>10.2}{max:>10.2}",
                figures.len()
            )
            .ok();
        }
        for (error, count) in &self.errors {
            writeln!(text, "{count} x {error}").ok();
        }
        text.push('\n');
        text.push_str(&objectives.text());
        text
    }

    pub(crate) fn json(&self, elapsed: Duration, objectives: &Objectives) -> Value {
        let row = |figures: &Histogram<u64>| {
            let [p50, p95, p99, max] = quantiles(figures);
            json!({"requests": figures.len(), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "max_ms": max})
        };
        let operations: BTreeMap<_, _> = self
            .by_operation
            .iter()
            .map(|(operation, figures)| (name(*operation), row(figures)))
            .collect();
        let mut report = row(&self.all);
        report["errors"] = self.failed().into();
        report["rate"] = (self.requests() as f64 / elapsed.as_secs_f64()).into();
        report["operations"] = json!(operations);
        report["objectives"] = objectives.json();
        report
    }
}

/// From a microsecond to an hour, with three digits.
fn histogram() -> Histogram<u64> {
    const HOUR: u64 = 3_600_000_000;
    let Ok(histogram) = Histogram::new_with_bounds(1, HOUR, 3) else {
        unreachable!("the bounds are in order, and three digits are not too many");
    };
    histogram
}

/// p50, p95, p99 and the longest, in milliseconds.
fn quantiles(figures: &Histogram<u64>) -> [f64; 4] {
    [0.5, 0.95, 0.99, 1.0].map(|quantile| figures.value_at_quantile(quantile) as f64 / 1_000.0)
}

const fn name(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "create",
        Operation::Show => "show",
        Operation::List => "list",
        Operation::Release => "release",
        Operation::Webhook => "webhook",
    }
}
