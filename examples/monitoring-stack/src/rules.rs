//! Rule files of Prometheus and their tests for promtool, as much of them as is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::read::{self, Error, stem};

/// The rules and tests of one subject.
#[derive(Debug)]
#[non_exhaustive]
pub struct File {
    /// The file's name without `.yml`.
    pub name: String,
    /// The rules of all its groups, in their order.
    pub rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

/// An alert, or a query whose result is recorded.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Rule {
    /// The name that the result is recorded under.
    pub record: Option<String>,
    /// The name of the alert.
    pub alert: Option<String>,
    /// The query.
    pub expr: String,
    /// Labels that it adds.
    pub labels: BTreeMap<String, String>,
    /// What people are told.
    pub annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct TestFile {
    tests: Vec<Test>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Test {
    alert_rule_test: Vec<AlertTest>,
}

#[derive(Deserialize)]
struct AlertTest {
    alertname: String,
    #[serde(default)]
    exp_alerts: Vec<serde::de::IgnoredAny>,
}

/// The folder with the rule files.
#[must_use]
pub fn folder() -> PathBuf {
    read::root().join("prometheus/rules")
}

/// The tests of a rule file: `tests/NAME.yml` of `rules/NAME.yml`.
#[must_use]
pub fn tests(rules: &Path) -> PathBuf {
    let name = rules.file_name().unwrap_or_default();
    read::root().join("prometheus/tests").join(name)
}

/// The rules in a file.
///
/// # Errors
/// When it cannot be read or has none.
pub fn read(path: &Path) -> Result<File, Error> {
    let groups: Groups = read::yaml(path)?;
    let rules = groups.groups.into_iter().flat_map(|it| it.rules);
    Ok(File {
        name: stem(path),
        rules: rules.collect(),
    })
}

/// What a rule file's alerts and its tests leave open, of `rules/NAME.yml` and `tests/NAME.yml`: an alert needs a test in which it
/// fires and one in which it stays quiet, and its reader needs a severity, a summary and a description.
///
/// # Errors
/// A file that cannot be read.
pub fn untested(rules: &Path, tests: &Path) -> Result<Vec<String>, Error> {
    let tests: TestFile = read::yaml(tests)?;
    let tests = tests.tests.into_iter().flat_map(|it| it.alert_rule_test);
    let (mut fires, mut quiet) = (BTreeSet::new(), BTreeSet::new());
    for test in tests {
        let seen = match test.exp_alerts.is_empty() {
            true => &mut quiet,
            false => &mut fires,
        };
        seen.insert(test.alertname);
    }
    let file = read(rules)?;
    let mut found = Vec::new();
    for rule in &file.rules {
        let Some(alert) = &rule.alert else { continue };
        let mut say = |holds: bool, what: &str| {
            if !holds {
                found.push(format!("{}: {alert} {what}", file.name));
            }
        };
        say(fires.contains(alert), "has no test in which it fires");
        say(quiet.contains(alert), "has no test in which it stays quiet");
        let severity = rule.labels.get("severity").map(String::as_str);
        let known = matches!(severity, Some("critical" | "warning"));
        say(known, "has no severity: critical or warning");
        for annotation in ["summary", "description"] {
            let what = format!("has no {annotation}");
            say(rule.annotations.contains_key(annotation), &what);
        }
    }
    Ok(found)
}
