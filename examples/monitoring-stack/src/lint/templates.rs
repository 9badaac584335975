//! Rules about the variables of a dashboard.

use super::{Finding, say};
use crate::dashboard::{Dashboard, Variable};
use crate::promql;

pub(super) fn check(dashboard: &Dashboard, findings: &mut Vec<Finding>) {
    datasource(dashboard, findings);
    chooser(dashboard, "job", "Job", "template-job-rule", findings);
    chooser(
        dashboard,
        "instance",
        "Instance",
        "template-instance-rule",
        findings,
    );
    for variable in dashboard
        .templating
        .list
        .iter()
        .filter(|it| it.kind == "query")
    {
        query(dashboard, variable, findings);
    }
}

fn datasource(dashboard: &Dashboard, findings: &mut Vec<Finding>) {
    let rule = "template-datasource-rule";
    let mut sources = dashboard
        .templating
        .list
        .iter()
        .filter(|it| it.kind == "datasource");
    let (Some(source), None) = (sources.next(), sources.next()) else {
        return say(
            findings,
            rule,
            "there is not exactly one datasource variable",
        );
    };
    if source.name != "datasource" || source.label.as_deref() != Some("Data source") {
        say(
            findings,
            rule,
            "it is not named datasource with the label Data source",
        );
    }
    if source.query_text() != "prometheus" {
        say(findings, rule, "it is not for prometheus");
    }
}

/// A variable to choose jobs or instances with.
fn chooser(
    dashboard: &Dashboard,
    name: &str,
    label: &str,
    rule: &'static str,
    findings: &mut Vec<Finding>,
) {
    let Some(variable) = dashboard.templating.list.iter().find(|it| it.name == name) else {
        return say(findings, rule, format!("there is no variable {name}"));
    };
    let chosen = variable
        .datasource
        .as_ref()
        .is_some_and(|it| it.is_chosen());
    for (holds, what) in [
        (chosen, "does not ask ${datasource}"),
        (variable.kind == "query", "is no query"),
        (
            variable.label.as_deref() == Some(label),
            "has another label than its name",
        ),
        (variable.multi, "takes only one value"),
        (
            variable.all_value.as_deref() == Some(".+"),
            "has another allValue than .+",
        ),
    ] {
        if !holds {
            say(findings, rule, format!("{name} {what}"));
        }
    }
}

fn query(dashboard: &Dashboard, variable: &Variable, findings: &mut Vec<Finding>) {
    let name = &variable.name;
    if variable.refresh != 2 {
        let what = format!("{name} is not read again when the time range changes");
        say(findings, "template-on-time-change-reload-rule", what);
    }
    let rule = "template-label-promql-rule";
    let parsed = match promql::label_values(variable.query_text()) {
        Some((Some(query), _)) => {
            promql::expand(query, &dashboard.variables()).and_then(|it| promql::parse(&it))
        }
        _ => Err("is no label_values(query, label)".to_owned()),
    };
    if let Err(error) = parsed {
        say(findings, rule, format!("{name}: {error}"));
    }
}
