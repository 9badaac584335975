//! Rules about what a panel says of itself.

use super::{Finding, say};
use crate::dashboard::{Dashboard, Panel};

/// Kinds of panels that show numbers, which have a unit.
const NUMBERS: [&str; 7] = [
    "bargauge",
    "barchart",
    "gauge",
    "heatmap",
    "stat",
    "table",
    "timeseries",
];

/// The units of Grafana that these dashboards have a use for.
const UNITS: [&str; 17] = [
    "none",
    "short",
    "percentunit",
    "percent",
    "s",
    "ms",
    "bytes",
    "Bps",
    "ops",
    "reqps",
    "cps",
    "wps",
    "dateTimeAsIso",
    "dateTimeFromNow",
    "bool_yes_no",
    "bool_on_off",
    "dtdurations",
];

pub(super) fn check(dashboard: &Dashboard, findings: &mut Vec<Finding>) {
    for panel in dashboard.panels() {
        let Panel { id, title, .. } = panel;
        let chosen = panel.datasource.as_ref().is_some_and(|it| it.is_chosen());
        if panel.kind != "text" && !chosen {
            let what = format!("{title} does not ask ${{datasource}}");
            say(findings, "panel-datasource-rule", what);
        }
        if title.is_empty() || panel.description.is_empty() {
            let what = format!("panel {id} needs a title and a description: {title}");
            say(findings, "panel-title-description-rule", what);
        }
        let defaults = &panel.field_config.defaults;
        let numbers = NUMBERS.contains(&&*panel.kind) && defaults.mappings.is_empty();
        if numbers && !UNITS.contains(&&*defaults.unit) {
            let what = format!("{title} has no unit that is known: {:?}", defaults.unit);
            say(findings, "panel-units-rule", what);
        }
        if panel.kind != "text" && panel.targets.is_empty() {
            let what = format!("{title} asks nothing");
            say(findings, "panel-no-targets-rule", what);
        }
    }
}
