//! Rules about where panels are.

use std::collections::BTreeSet;

use super::{Finding, say};
use crate::dashboard::{Dashboard, GridPos, Panel};

/// How wide Grafana's grid is.
const WIDTH: u32 = 24;

pub(super) fn check(dashboard: &Dashboard, findings: &mut Vec<Finding>) {
    let inner = dashboard.panels.iter().flat_map(|it| &it.panels);
    let mut seen = BTreeSet::new();
    for panel in dashboard.panels.iter().chain(inner) {
        if panel.id == 0 || !seen.insert(panel.id) {
            let what = format!("{} has no id of its own: {}", panel.title, panel.id);
            say(findings, "panel-unique-id", what);
        }
        let GridPos { x, w, h, .. } = panel.grid_pos;
        if w == 0 || h == 0 || x.saturating_add(w) > WIDTH {
            let what = format!("{} is empty or beyond the {WIDTH} columns", panel.title);
            say(findings, "panel-grid", what);
        }
    }
    overlaps(&dashboard.panels, findings);
    for row in &dashboard.panels {
        overlaps(&row.panels, findings);
    }
}

fn overlaps(panels: &[Panel], findings: &mut Vec<Finding>) {
    for (index, one) in panels.iter().enumerate() {
        for other in &panels[index + 1..] {
            if overlap(one.grid_pos, other.grid_pos) {
                let what = format!("{} lies over {}", one.title, other.title);
                say(findings, "panel-overlap", what);
            }
        }
    }
}

const fn overlap(one: GridPos, other: GridPos) -> bool {
    one.x < other.x.saturating_add(other.w)
        && other.x < one.x.saturating_add(one.w)
        && one.y < other.y.saturating_add(other.h)
        && other.y < one.y.saturating_add(one.h)
}
