//! `xtask/config/tidy.toml`: the tiers, and exceptions with their reasons.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use crate::failure::{Failure, Result};
use crate::manifest::parse_table;

pub(crate) const PATH: &str = "xtask/config/tidy.toml";

/// What the rules are measured against.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) tiers: BTreeMap<String, i64>,
    /// Support crates with the highest tier that each may use.
    pub(crate) support: BTreeMap<String, i64>,
    pub(crate) top_level: BTreeSet<String>,
    /// Path and reason of each file that may be long.
    pub(crate) long_files: BTreeMap<String, String>,
    /// What is known about each sink, by type or path.
    pub(crate) sinks: BTreeMap<String, Sink>,
}

/// Why nothing secret comes out of a sink.
#[derive(Clone, Debug)]
pub(crate) enum Sink {
    /// The canary test has this row for it.
    Canary(String),
    /// For this reason.
    Because(#[allow(dead_code, reason = "read by people")] String),
}

impl Config {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let table = parse_table(PATH, text)?;
        let config = Self {
            tiers: numbers(&table, "tier")?,
            support: numbers(&table, "support")?,
            top_level: top_level(&table)?,
            long_files: long_files(&table)?,
            sinks: sinks(&table)?,
        };
        let known = ["tier", "support", "top-level", "long-file", "sink"];
        match table.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(malformed(key, "is not known")),
            None => Ok(config),
        }
    }
}

fn numbers(table: &Table, key: &str) -> Result<BTreeMap<String, i64>> {
    let entries = table
        .get(key)
        .and_then(Value::as_table)
        .ok_or_else(|| malformed(key, "is not a table"))?;
    entries
        .iter()
        .map(|(name, value)| Some((name.clone(), value.as_integer()?)))
        .collect::<Option<_>>()
        .ok_or_else(|| malformed(key, "holds something other than a whole number"))
}

fn top_level(table: &Table) -> Result<BTreeSet<String>> {
    let names = table.get("top-level").and_then(Value::as_array);
    names
        .and_then(|names| {
            names
                .iter()
                .map(|name| name.as_str().map(str::to_owned))
                .collect()
        })
        .ok_or_else(|| malformed("top-level", "is not a list of names"))
}

fn long_files(table: &Table) -> Result<BTreeMap<String, String>> {
    let Some(entries) = table.get("long-file") else {
        return Ok(BTreeMap::new());
    };
    let pair = |entry: &Value| {
        let text = |key| {
            entry
                .get(key)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        Some((text("path")?, text("reason")?))
    };
    entries
        .as_array()
        .and_then(|entries| entries.iter().map(pair).collect())
        .ok_or_else(|| malformed("long-file", "needs a `path` and a `reason` in each entry"))
}

fn sinks(table: &Table) -> Result<BTreeMap<String, Sink>> {
    let Some(entries) = table.get("sink") else {
        return Ok(BTreeMap::new());
    };
    let sink = |entry: &Value| {
        let text = |key| entry.get(key).and_then(Value::as_str).map(str::to_owned);
        let because = text("because").filter(|reason| !reason.is_empty());
        text("canary")
            .map(Sink::Canary)
            .or(because.map(Sink::Because))
    };
    let entries = entries.as_table().into_iter().flatten();
    entries
        .map(|(name, entry)| Some((name.clone(), sink(entry)?)))
        .collect::<Option<_>>()
        .ok_or_else(|| malformed("sink", "needs a `canary` or a `because` in each entry"))
}

fn malformed(key: &str, what: &str) -> Failure {
    Failure::new(
        format!("{PATH}: `{key}` {what}"),
        "compare it with the comments in that file",
    )
}

#[cfg(test)]
impl Config {
    pub(crate) fn planted() -> Self {
        let tiers = [
            ("counterfoil-core", 0),
            ("counterfoil-events", 3),
            ("counterfoil-audit", 3),
            ("counterfoil", 5),
        ];
        let support = [("counterfoil-testkit", 3), ("counterfoil-bench", 7)];
        let owned = |(name, tier): (&str, i64)| (name.to_owned(), tier);
        Self {
            tiers: tiers.map(owned).into(),
            support: support.map(owned).into(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "top-level = ['a']\n[tier]\nb = 1\n[support]\nc = 2\n";

    #[test]
    fn every_part_is_read() {
        let config = Config::parse(&format!(
            "{MINIMAL}[[long-file]]\npath = 'x.rs'\nreason = 'a table'"
        ))
        .unwrap();
        assert_eq!(config.tiers.get("b"), Some(&1));
        assert_eq!(config.support.get("c"), Some(&2));
        assert!(config.top_level.contains("a"));
        assert_eq!(
            config.long_files.get("x.rs").map(String::as_str),
            Some("a table")
        );
    }

    #[test]
    fn an_exception_without_a_reason_is_refused() {
        let failure = Config::parse(&format!("{MINIMAL}[[long-file]]\npath = 'x.rs'"))
            .unwrap_err()
            .to_string();
        assert!(
            failure.contains("needs a `path` and a `reason`"),
            "{failure}"
        );
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        let failure = Config::parse(&format!("{MINIMAL}[long-files]\n"))
            .unwrap_err()
            .to_string();
        assert!(failure.contains("`long-files` is not known"), "{failure}");
    }
}
