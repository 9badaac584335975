//! The alerts that are firing, kept so that a restart seals none of them twice and seals when each one ends.

use rusqlite::{Connection, params};

pub(super) fn all(index: &Connection) -> rusqlite::Result<Vec<(String, i64)>> {
    let mut select = index.prepare("SELECT name, since FROM alerts")?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// An alert has been firing since then; `None` if it is no more.
pub(super) fn set(index: &Connection, name: &str, since: Option<i64>) -> rusqlite::Result<()> {
    match since {
        Some(since) => index
            .prepare_cached("INSERT OR REPLACE INTO alerts VALUES (?1, ?2)")?
            .execute(params![name, since])?,
        None => index
            .prepare_cached("DELETE FROM alerts WHERE name = ?1")?
            .execute([name])?,
    };
    Ok(())
}
