//! House rules that no compiler checks. Each rule is one function in a file of its own.

mod cfg_not_feature;
mod compliance;
mod config;
mod doc_first;
mod file_length;
mod inherited;
mod layout;
mod links;
mod sinks;
mod tiers;
mod top_level;
mod unused_dependencies;
mod unused_keys;

use std::fmt;

use crate::failure::{Failure, Result};
use crate::pipeline::Context;
use crate::workspace::Workspace;
use config::Config;

/// A broken rule: where, what, and what to do.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    at: String,
    what: String,
    next: String,
}

impl Finding {
    fn new(at: impl Into<String>, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            what: what.into(),
            next: next.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.at, self.what, self.next)
    }
}

type Rule = fn(&Workspace, &Config) -> Vec<Finding>;

const RULES: [(&str, Rule); 11] = [
    ("top level", top_level::check),
    ("layout", layout::check),
    ("tiers", tiers::check),
    ("inherited dependencies", inherited::check),
    ("unused workspace dependencies", unused_dependencies::check),
    ("features only add", cfg_not_feature::check),
    ("doc comment first", doc_first::check),
    ("file length", file_length::check),
    ("links", links::check),
    ("sinks", sinks::check),
    ("compliance", compliance::check),
];

/// Runs all rules and reports everything they find at once.
pub(crate) fn run(context: &Context) -> Result<()> {
    let workspace = Workspace::read(&context.root)?;
    let config = Config::parse(workspace.text(config::PATH).unwrap_or_default())?;
    let mut found = 0;
    for (name, rule) in RULES {
        found += report(name, &rule(&workspace, &config));
    }
    found += report("unused manifest keys", &unused_keys::check(&context.root)?);
    match found {
        0 => Ok(()),
        1 => Err(Failure::new(
            "1 house rule is broken",
            "do what the line above says",
        )),
        _ => Err(Failure::new(
            format!("{found} house rules are broken"),
            "do what each line above says",
        )),
    }
}

fn report(rule: &str, findings: &[Finding]) -> usize {
    for finding in findings {
        println!("tidy [{rule}] {finding}");
    }
    findings.len()
}
