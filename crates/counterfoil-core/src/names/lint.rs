//! The rules that a table of names keeps.

use std::collections::BTreeSet;
use std::fmt;

use super::{Instrument, Table};

/// A rule that a row breaks; `Display` is one sentence that names the row and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The row's OpenTelemetry name.
    pub name: &'static str,
    /// What is wrong and what to do about it.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

/// Units that stand alone; counts use `{annotation}` and rates join two with `/`.
const UNITS: &[&str] = &["s", "By", "1", "Cel", "Hz", "J", "V", "W", "m"];

/// Words that say a unit or a kind, which the derived names add by themselves.
const UNIT_WORDS: &[&str] = &[
    "bytes",
    "count",
    "hours",
    "kilobytes",
    "megabytes",
    "micros",
    "microseconds",
    "milliseconds",
    "millis",
    "minutes",
    "ms",
    "nanos",
    "nanoseconds",
    "ns",
    "percent",
    "ratio",
    "seconds",
    "secs",
    "total",
    "us",
];

/// Keys whose values are without number or free text, wherever they come from.
const NEVER_LABELS: &[&str] = &[
    "address",
    "body",
    "email",
    "error.message",
    "exception.message",
    "id",
    "message",
    "path",
    "query",
    "text",
    "time",
    "timestamp",
    "url",
    "uuid",
];

impl Table {
    /// Every rule that a row breaks, in the order of the rows: names are lower-case and dotted, start with the prefix, carry
    /// no unit and no `_total`, and are there once, in OpenTelemetry's spelling and in Prometheus's; units are UCUM base
    /// units; label keys are on the allow-list and are neither ids nor free text.
    #[must_use]
    pub fn check(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut names = BTreeSet::new();
        let mut derived = BTreeSet::new();
        for row in self.instruments {
            let mut report = |message: String| {
                found.push(Violation {
                    name: row.name,
                    message,
                });
            };
            check_name(row, self.prefix, &mut report);
            check_unit(row, &mut report);
            check_labels(row, self.labels, &mut report);
            if !names.insert(row.name) {
                report("the name is there twice; give one of them another".into());
            } else if !derived.insert(row.prometheus_name()) {
                report(format!(
                    "another row has the Prometheus name {} as well; rename one",
                    row.prometheus_name()
                ));
            }
            if row.description.is_empty() || !row.description.ends_with('.') {
                report("the description is one sentence with a full stop".into());
            }
        }
        found
    }
}

fn check_name(row: &Instrument, prefix: &str, report: &mut impl FnMut(String)) {
    if !row.name.starts_with(prefix) {
        report(format!("the name starts with {prefix:?}"));
    }
    if !is_dotted(row.name) {
        report(
            "the name is dot-separated words of a-z, 0-9 and single underscores, each starting with a letter".into(),
        );
    }
    for word in row.name.split(['.', '_']) {
        if UNIT_WORDS.contains(&word) {
            report(format!(
                "{word:?} says the unit or the kind, which is kept apart; leave it out"
            ));
        }
    }
}

fn check_unit(row: &Instrument, report: &mut impl FnMut(String)) {
    let known = row.unit.split('/').all(|part| {
        UNITS.contains(&part)
            || part
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'))
                .is_some_and(is_dotted)
    });
    if !known {
        report(format!(
            "{:?} is no unit that we use: durations are \"s\", sizes \"By\", ratios \"1\", counts an annotation such as \"{{lease}}\"",
            row.unit
        ));
    }
}

fn check_labels(row: &Instrument, allowed: &[&str], report: &mut impl FnMut(String)) {
    for (at, label) in row.labels.iter().enumerate() {
        if NEVER_LABELS.contains(label) || label.ends_with("_id") || label.ends_with(".id") {
            report(format!(
                "label {label:?} has values without number; put it into events or audit, which are looked up by key"
            ));
        } else if !allowed.contains(label) {
            report(format!(
                "label {label:?} is not on the table's allow-list; add it there if its values are few and known"
            ));
        }
        if !is_dotted(label) {
            report(format!(
                "label {label:?} is not dot-separated words of a-z, 0-9 and single underscores"
            ));
        }
        if row.labels[..at].contains(label) {
            report(format!("label {label:?} is there twice"));
        }
    }
}

fn is_dotted(name: &str) -> bool {
    !name.is_empty()
        && name.split('.').all(|part| {
            part.starts_with(|c: char| c.is_ascii_lowercase())
                && !part.ends_with('_')
                && !part.contains("__")
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        })
}

#[cfg(test)]
mod tests {
    crate::instruments! {
        /// Rows that break one rule each.
        WRONG: prefix "app.", labels ["kind"];

        /// Of another house.
        A: Counter("other.thing", "{thing}", []);
        /// Upper case.
        B: Counter("app.Thing", "{thing}", []);
        /// Unit in the name.
        C: Gauge("app.age.seconds", "s", []);
        /// Kind in the name.
        D: Counter("app.thing_total", "{thing}", []);
        /// Not a base unit.
        E: Gauge("app.wait", "ms", []);
        /// An id.
        F: Counter("app.call", "{call}", ["trace_id"]);
        /// Not allowed.
        G: Counter("app.done", "{call}", ["colour"]);
        /// Fine.
        H: Counter("app.well.done", "{call}", ["kind"]);
        /// The same in Prometheus.
        I: Counter("app.well_done", "{call}", []);
        /// no full stop
        J: Counter("app.more", "{call}", []);
    }

    #[test]
    fn each_broken_rule_is_reported_once_and_a_sound_row_not_at_all() {
        let found: Vec<_> = WRONG.check().iter().map(|it| it.name).collect();
        assert_eq!(
            found,
            [
                "other.thing",
                "app.Thing",
                "app.age.seconds",
                "app.thing_total",
                "app.wait",
                "app.call",
                "app.done",
                "app.well_done",
                "app.more"
            ]
        );
    }
}
