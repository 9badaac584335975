//! The rows of design §9, in its order.

use crate::measure::Effort;
use crate::row::Row;
use crate::{audit_path, lifecycle, per_operation, reading};

/// What a measurement may end with.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// One measurement: what it is called on the command line, and how to make its rows.
type Group<'a> = (&'static str, Box<dyn Fn() -> Outcome<Vec<Row>> + 'a>);

/// Measures the groups whose name contains `only`, and hands each row to `emit` as soon as it is known.
pub(crate) fn run(effort: Effort, only: &str, mut emit: impl FnMut(&Row)) -> Outcome<()> {
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
        ("scrape", Box::new(move || one(reading::scrape(effort)))),
        ("seal", Box::new(move || one(audit_path::seal(effort)))),
        (
            "verify",
            Box::new(move || one(audit_path::verify(effort, 1))),
        ),
        (
            "verify",
            Box::new(move || one(audit_path::verify(effort, 2))),
        ),
        (
            "durable",
            Box::new(move || one(audit_path::durable(effort, 1))),
        ),
        (
            "durable",
            Box::new(move || one(audit_path::durable(effort, 16))),
        ),
        (
            "durable",
            Box::new(move || one(audit_path::durable(effort, 256))),
        ),
    ];
    let mut measured = 0;
    for (_, rows) in groups.iter().filter(|(name, _)| name.contains(only)) {
        for row in rows()? {
            emit(&row);
            measured += 1;
        }
    }
    if measured == 0 {
        return Err(format!("no row is called {only:?}; leave --only out to see them all").into());
    }
    Ok(())
}
