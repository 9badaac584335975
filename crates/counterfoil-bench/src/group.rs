//! Measurements by name, so that one of them can be repeated alone.

use crate::row::Row;

/// What a measurement may end with.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// One measurement: what it is called on the command line, and how to make its rows.
pub(crate) type Group<'a> = (&'static str, Box<dyn Fn() -> Outcome<Vec<Row>> + 'a>);

/// Measures the groups whose name contains `only`, and hands each row to `emit` as soon as it is known.
pub(crate) fn run_groups(
    groups: &[Group<'_>],
    only: &str,
    mut emit: impl FnMut(&Row),
) -> Outcome<()> {
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
