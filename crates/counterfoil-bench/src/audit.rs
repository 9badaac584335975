//! `bench audit`: the log against its peers and against the floor, the bare hash of the same bytes, in one run.

mod append;
mod durable;
mod flat;
mod intake;
mod peers;
mod proof;
mod sign;
mod subject;
mod verify;

pub(crate) use subject::Subject;

use crate::group::{Group, Outcome, run_groups};
use crate::measure::Effort;
use crate::row::Row;

/// Measures the groups whose name contains `only`, and hands each row to `emit` as soon as it is known.
pub(crate) fn run(effort: Effort, only: &str, long: bool, emit: impl FnMut(&Row)) -> Outcome<()> {
    let one = |row: Outcome<Row>| row.map(|row| vec![row]);
    let groups: Vec<Group<'_>> = vec![
        (
            "append-memory",
            Box::new(move || one(append::in_memory(effort))),
        ),
        (
            "append-written",
            Box::new(move || one(append::written(effort))),
        ),
        ("durable", Box::new(move || one(durable::row(effort, 1)))),
        ("durable", Box::new(move || one(durable::row(effort, 16)))),
        ("durable", Box::new(move || one(durable::row(effort, 256)))),
        ("verify", Box::new(move || verify::rows(effort))),
        ("intake", Box::new(move || intake::rows(effort))),
        ("proof", Box::new(move || proof::rows(long))),
        ("sign", Box::new(move || sign::rows(effort))),
        ("flat", Box::new(move || one(flat::append(long)))),
    ];
    run_groups(&groups, only, emit)
}
