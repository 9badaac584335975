//! The service level objectives that only the API itself can measure, read from the buckets of its histograms.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;

use serde_json::{Value, json};

/// A histogram, a quantile of it, and the bucket below which it should be, in seconds.
const OBJECTIVES: [(&str, f64, f64); 4] = [
    ("platform_authorization_duration_seconds", 0.95, 0.02),
    ("platform_authorization_duration_seconds", 0.99, 0.05),
    ("platform_create_to_emitted_seconds", 0.99, 1.0),
    ("platform_webhook_to_credit_seconds", 0.99, 5.0),
];

/// Counts of values by upper bound, summed over all labels, by the name of the histogram.
pub(crate) struct Objectives(BTreeMap<&'static str, Vec<(f64, f64)>>);

impl Objectives {
    /// Reads the metrics of the API.
    pub(crate) fn scrape(url: &str) -> Result<Self, Box<dyn Error>> {
        let read = || ureq::get(url).call()?.body_mut().read_to_string();
        let text = read().map_err(|error: ureq::Error| {
            format!("cannot read the metrics at {url}: {error}; is platform-api running?")
        })?;
        let mut found = BTreeMap::new();
        for (name, ..) in OBJECTIVES {
            found.insert(name, buckets(&text, name));
        }
        Ok(Self(found))
    }

    /// What was counted between an earlier look and this one.
    pub(crate) fn since(mut self, before: &Self) -> Self {
        for (name, buckets) in &mut self.0 {
            let earlier = before.0.get(name).map_or(&[][..], Vec::as_slice);
            for ((_, count), (_, before)) in buckets.iter_mut().zip(earlier) {
                *count -= before;
            }
        }
        self
    }

    fn rows(&self) -> impl Iterator<Item = (&'static str, f64, f64, f64, Option<f64>)> {
        OBJECTIVES.into_iter().map(|(name, quantile, objective)| {
            let buckets = self.0.get(name).map_or(&[][..], Vec::as_slice);
            let count = buckets.last().map_or(0.0, |(_, count)| *count);
            let rank = quantile * count;
            let bound = buckets
                .iter()
                .find(|(_, below)| count > 0.0 && *below >= rank);
            (
                name,
                quantile,
                objective,
                count,
                bound.map(|(bound, _)| *bound),
            )
        })
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "{:<42}{:>9}{:>8}{:>9}{:>11}\n",
            "as the API measures", "count", "of", "at most", "objective"
        );
        for (name, quantile, objective, count, bound) in self.rows() {
            let percentile = format!("p{:.0}", quantile * 100.0);
            let bound = bound.map_or_else(|| "-".to_owned(), |bound| format!("{bound} s"));
            // Writing to a text does not fail.
            writeln!(
                text,
                "{name:<42}{count:>9}{percentile:>8}{bound:>9}{:>11}",
                format!("{objective} s")
            )
            .ok();
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        let rows = self.rows().map(|(name, quantile, objective, count, bound)| {
            json!({"metric": name, "quantile": quantile, "count": count, "at_most_s": bound, "objective_s": objective})
        });
        rows.collect()
    }
}

/// The cumulative buckets of a histogram, summed over its other labels, in the order of their bounds.
fn buckets(text: &str, name: &str) -> Vec<(f64, f64)> {
    let mut buckets: Vec<(f64, f64)> = Vec::new();
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix("_bucket{"));
    for line in lines {
        let bound = line
            .split("le=\"")
            .nth(1)
            .and_then(|it| it.split('"').next());
        let bound = bound.and_then(|it| it.replace("+Inf", "inf").parse().ok());
        // An exemplar may stand behind the value.
        let count = line
            .split("} ")
            .nth(1)
            .and_then(|it| it.split(' ').next()?.parse().ok());
        let (Some(bound), Some(count)) = (bound, count) else {
            continue;
        };
        match buckets.iter_mut().find(|(it, _)| *it == bound) {
            Some((_, sum)) => *sum += count,
            None => buckets.push((bound, count)),
        }
    }
    buckets.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    buckets
}
