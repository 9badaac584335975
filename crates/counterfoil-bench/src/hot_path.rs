//! `bench hot-path`: what a call costs the service, and a scrape the scraper (design §9).

use crate::group::{Group, Outcome, run_groups};
use crate::measure::Effort;
use crate::row::Row;
use crate::{lifecycle, per_operation, reading};

/// Measures the groups whose name contains `only`, and hands each row to `emit` as soon as it is known.
pub(crate) fn run(effort: Effort, only: &str, emit: impl FnMut(&Row)) -> Outcome<()> {
    let one = |row: Outcome<Row>| row.map(|row| vec![row]);
    let groups: Vec<Group<'_>> = vec![
        (
            "operation",
            Box::new(move || per_operation::rows(effort, 1)),
        ),
        (
            "operation",
            Box::new(move || per_operation::rows(effort, 2)),
        ),
        (
            "queued",
            Box::new(move || one(lifecycle::queued(effort, 1))),
        ),
        (
            "queued",
            Box::new(move || one(lifecycle::queued(effort, 2))),
        ),
        ("sealed", Box::new(move || one(lifecycle::sealed(effort)))),
        (
            "ring",
            Box::new(move || one(reading::writer_while_read(effort))),
        ),
        ("scrape", Box::new(move || reading::scrape(effort))),
    ];
    run_groups(&groups, only, emit)
}
