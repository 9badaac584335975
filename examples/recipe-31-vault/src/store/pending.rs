//! The objects that the peer does not have yet: a queue that survives restarts.

use rusqlite::{Connection, params};

use super::Headers;
use super::index::{address, count};
use crate::address::Address;

/// An object that waits for the peer.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) number: i64,
    pub(crate) address: Address,
    /// Trace context and request id of whoever put it.
    pub(crate) headers: Headers,
}

pub(super) fn add(
    index: &Connection,
    address: Address,
    headers: &Headers,
    now: i64,
) -> rusqlite::Result<()> {
    let headers = serde_json::json!(headers).to_string();
    index
        .prepare_cached("INSERT INTO pending (address, headers, since) VALUES (?1, ?2, ?3)")?
        .execute(params![address.to_string(), headers, now])?;
    Ok(())
}

/// The oldest ones, at most so many.
pub(super) fn oldest(index: &Connection, most: u32) -> rusqlite::Result<Vec<Pending>> {
    let read = |row: &rusqlite::Row<'_>| {
        let headers: String = row.get(2)?;
        Ok(Pending {
            number: row.get(0)?,
            address: address(row, 1)?,
            // Without them the object is replicated in a trace of its own.
            headers: serde_json::from_str(&headers).unwrap_or_default(),
        })
    };
    let mut select = index
        .prepare_cached("SELECT number, address, headers FROM pending ORDER BY number LIMIT ?1")?;
    let rows = select.query_map([most], read)?;
    rows.collect()
}

pub(super) fn remove(index: &Connection, number: i64) -> rusqlite::Result<()> {
    index
        .prepare_cached("DELETE FROM pending WHERE number = ?1")?
        .execute([number])?;
    Ok(())
}

/// How many wait, and since when the oldest does.
pub(super) fn backlog(index: &Connection) -> rusqlite::Result<(u64, Option<i64>)> {
    index
        .prepare_cached("SELECT count(*), min(since) FROM pending")?
        .query_row([], |row| Ok((count(row, 0)?, row.get(1)?)))
}
