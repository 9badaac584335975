//! What is wrong with a dashboard: the rules of Grafana's dashboard-linter under their names, and some about what it leaves out.
//!
//! That linter is a program of its own, in Go; its rules are the field's, so they are kept here as they are documented there.

mod layout;
mod panels;
mod targets;
mod templates;

use std::collections::BTreeSet;
use std::fmt;

use crate::dashboard::{Dashboard, File};

/// A rule that a dashboard breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The name of the rule.
    pub rule: &'static str,
    /// What is wrong, and where.
    pub what: String,
}

/// Whatever is wrong with a dashboard.
#[must_use]
pub fn dashboard(dashboard: &Dashboard) -> Vec<Finding> {
    let mut findings = Vec::new();
    about(dashboard, &mut findings);
    templates::check(dashboard, &mut findings);
    layout::check(dashboard, &mut findings);
    panels::check(dashboard, &mut findings);
    targets::check(dashboard, &mut findings);
    findings
}

/// Whatever is wrong with dashboards beside each other: each has an address of its own.
#[must_use]
pub fn together(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for File { name, dashboard } in files {
        let uid = &dashboard.uid;
        if !seen.insert(uid) {
            say(
                &mut findings,
                "unique-uid",
                format!("{name}: the uid {uid} is another's too"),
            );
        }
    }
    findings
}

fn about(dashboard: &Dashboard, findings: &mut Vec<Finding>) {
    if dashboard.editable {
        let what = "it can be changed in the browser, where the change is lost";
        say(findings, "uneditable-dashboard", what);
    }
    let texts = [&dashboard.title, &dashboard.description, &dashboard.uid];
    if texts.iter().any(|it| it.is_empty()) {
        let what = "it needs a title, a description and a uid";
        say(findings, "dashboard-title-description", what);
    }
    if dashboard.id.is_some() {
        say(
            findings,
            "dashboard-id",
            "its id is Grafana's to give, so null",
        );
    }
    if dashboard.schema_version < 39 {
        let what = format!("its schemaVersion is {}", dashboard.schema_version);
        say(findings, "dashboard-schema", what);
    }
}

fn say(findings: &mut Vec<Finding>, rule: &'static str, what: impl Into<String>) {
    let what = what.into();
    findings.push(Finding { rule, what });
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}
