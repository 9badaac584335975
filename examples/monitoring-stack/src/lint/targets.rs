//! Rules about queries.

use std::collections::BTreeSet;

use promql_parser::label::MatchOp;
use promql_parser::parser::{Expr, VectorSelector};

use super::{Finding, say};
use crate::dashboard::{Dashboard, Panel};
use crate::promql::{self, RANGE, RATE_INTERVAL, Selection};

/// Functions that need two samples in their range, however far apart scrapes are.
const RATES: [&str; 3] = ["rate", "irate", "increase"];

pub(super) fn check(dashboard: &Dashboard, findings: &mut Vec<Finding>) {
    let variables = dashboard.variables();
    for annotation in dashboard.annotations() {
        if let Err(error) = parse(&annotation.expr, &variables) {
            let what = format!("{}: {error}", annotation.name);
            say(findings, "target-promql-rule", what);
        }
    }
    for panel in dashboard.panels() {
        let mut seen = BTreeSet::new();
        for target in &panel.targets {
            let Panel { title, .. } = panel;
            if target.ref_id.is_empty() || !seen.insert(&target.ref_id) {
                let what = format!("{title} has two queries {:?}", target.ref_id);
                say(findings, "target-unique-ref", what);
            }
            if target.datasource.as_ref().is_some_and(|it| !it.is_chosen()) {
                let what = format!("{title}: {} asks another datasource", target.ref_id);
                say(findings, "panel-datasource-rule", what);
            }
            query(title, &target.expr, &variables, findings);
        }
    }
}

fn query(title: &str, query: &str, variables: &[&str], findings: &mut Vec<Finding>) {
    let parsed = match parse(query, variables) {
        Ok(parsed) => parsed,
        Err(error) => {
            return say(findings, "target-promql-rule", format!("{title}: {error}"));
        }
    };
    for selection in promql::selections(&parsed) {
        let broken = selected(&selection);
        for rule in broken {
            say(findings, rule, format!("{title}: {query}"));
        }
    }
}

fn parse(query: &str, variables: &[&str]) -> Result<Expr, String> {
    promql::expand(query, variables).and_then(|it| promql::parse(&it))
}

/// The rules that one selector of a query breaks.
fn selected(selection: &Selection<'_>) -> Vec<&'static str> {
    let selector = selection.selector;
    let name = selector.name.as_deref().unwrap_or_default();
    // What rules recorded has the labels that they left: the job, and not the instance.
    let recorded = name.contains(':');
    let rate = selection.function.is_some_and(|it| RATES.contains(&it));
    let counter = name.ends_with("_total");
    let mut broken = Vec::new();
    let mut say = |holds: bool, rule| {
        if !holds {
            broken.push(rule);
        }
    };
    say(!name.is_empty(), "target-metric-name");
    say(chosen(selector, "job"), "target-job-rule");
    say(
        recorded || chosen(selector, "instance"),
        "target-instance-rule",
    );
    say(!counter || rate, "target-counter-agg-rule");
    say(!rate || has_window(selection), "target-rate-interval-rule");
    broken
}

/// Whether it selects what the reader chose: `label=~"$label"`.
fn chosen(selector: &VectorSelector, label: &str) -> bool {
    selector
        .matchers
        .find_matchers(label)
        .iter()
        .any(|it| matches!(it.op, MatchOp::Re(_)) && it.value.strip_prefix('$') == Some(label))
}

/// Whether its window is `$__rate_interval`, or `$__range` for a total over all that is shown.
fn has_window(selection: &Selection<'_>) -> bool {
    let is = |window: &str| {
        let window = promql_parser::util::parse_duration(window);
        window.ok().map(|it| it.as_millis()) == selection.range
    };
    is(RATE_INTERVAL) || (selection.function == Some("increase") && is(RANGE))
}
