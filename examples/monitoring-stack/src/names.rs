//! Which metrics the dashboards and rules name.

use std::collections::BTreeSet;

use crate::dashboard::{self, Dashboard};
use crate::promql;
use crate::read::Error;
use crate::rules::{self, Rule};

/// Every metric that is named in the dashboard or the rules of a subject: `counterfoil`, `recipe-25` and so on. Names with a colon
/// are recorded by these rules; Prometheus has them when it evaluates the rules.
///
/// # Errors
/// When there is no dashboard and no rules of this name, and when a query in them does not parse.
pub fn metric_names(subject: &str) -> Result<BTreeSet<String>, Error> {
    let mut names = BTreeSet::new();
    let dashboard = dashboard::folder().join(format!("{subject}.json"));
    let rules = rules::folder().join(format!("{subject}.yml"));
    let (has_dashboard, has_rules) = (dashboard.exists(), rules.exists());
    if !has_dashboard && !has_rules {
        let next = "see the names of the files in grafana/dashboards and prometheus/rules";
        return Err(Error(format!(
            "{subject} has neither a dashboard nor rules: {next}"
        )));
    }
    if has_dashboard {
        let file = dashboard::read(&dashboard)?;
        names.extend(of_dashboard(&file.dashboard).map_err(Error)?);
    }
    if has_rules {
        names.extend(of_rules(&rules::read(&rules)?.rules).map_err(Error)?);
    }
    Ok(names)
}

/// Every metric that a query without variables names.
///
/// # Errors
/// When it does not parse.
pub fn names_in(query: &str) -> Result<BTreeSet<String>, String> {
    let query = promql::parse(query)?;
    let selections = promql::selections(&query);
    let names = selections
        .iter()
        .filter_map(|it| it.selector.name.clone())
        // Prometheus writes these itself, once there is an alert.
        .filter(|name| name != "ALERTS" && name != "ALERTS_FOR_STATE");
    Ok(names.collect())
}

fn of_rules(rules: &[Rule]) -> Result<BTreeSet<String>, String> {
    let mut names = BTreeSet::new();
    for rule in rules {
        names.extend(names_in(&rule.expr)?);
        names.extend(rule.record.clone());
    }
    Ok(names)
}

fn of_dashboard(dashboard: &Dashboard) -> Result<BTreeSet<String>, String> {
    let variables = dashboard.variables();
    let mut names = BTreeSet::new();
    let queries = dashboard
        .panels()
        .flat_map(|it| &it.targets)
        .map(|it| &*it.expr);
    let definitions = dashboard.templating.list.iter();
    let definitions = definitions
        .filter(|it| it.kind == "query")
        .filter_map(|it| promql::label_values(it.query_text())?.0);
    let annotations = dashboard.annotations().map(|it| &*it.expr);
    for query in queries.chain(definitions).chain(annotations) {
        names.extend(names_in(&promql::expand(query, &variables)?)?);
    }
    Ok(names)
}
