//! Metrics have a table, and their handles an owner.

use crate::gate::finding::Finding;
use crate::gate::rules::Rule;
use crate::gate::source::Form;
use crate::gate::workspace::{File, Workspace};

const MACROS: &[&str] = &[
    "counter",
    "describe_counter",
    "describe_gauge",
    "describe_histogram",
    "gauge",
    "histogram",
];

const HANDLES: &[&str] = &["metrics::Counter", "metrics::Gauge", "metrics::Histogram"];

/// Names of metrics that are written where they are counted.
pub(super) fn names(workspace: &Workspace, file: &File, found: &mut Vec<Finding>) {
    let has_metrics = workspace.packages[file.package].uses("metrics");
    for mention in &file.source.mentions {
        if mention.form
            != (Form::Macro {
                literal_first: true,
            })
        {
            continue;
        }
        let is_it = |path: &&String| match path.strip_prefix("metrics::") {
            Some(name) => MACROS.contains(&name),
            // Brought by `#[macro_use]`, or by a macro of the package.
            None => has_metrics && MACROS.contains(&path.as_str()),
        };
        if let Some(path) = mention.paths.iter().find(is_it) {
            let message = format!("{path}! is given its name as a string, which no table checks");
            found.push(Finding::of(Rule::MetricName, file, mention, message));
        }
    }
}

/// Handles that live in statics.
pub(super) fn statics(file: &File, found: &mut Vec<Finding>) {
    for it in &file.source.statics {
        if let Some(handle) = it
            .types
            .iter()
            .find(|path| HANDLES.contains(&path.as_str()))
        {
            let name = &it.name;
            let message = format!(
                "the static {name} holds a {handle}: touched before init, it counts nothing for ever"
            );
            found.push(Finding::new(Rule::StaticMetric, file, it.at, message));
        }
    }
}
