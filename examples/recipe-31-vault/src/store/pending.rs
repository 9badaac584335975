//! The objects that the peer does not have yet: a queue that survives restarts.
//!
//! Its order is the time at which each one is due: that of its put, at first. What fails goes behind the others, so that nothing
//! that stays in the queue holds them up. A number is given once, so that settling one never settles a later put.

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
    /// How often it was set aside.
    pub(crate) set_aside: u32,
}

/// What waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backlog {
    pub(super) pending: u64,
    pub(super) set_aside: u64,
    /// Since when the oldest does.
    pub(super) since: Option<i64>,
}

pub(super) fn add(
    index: &Connection,
    address: Address,
    headers: &Headers,
    now: i64,
) -> rusqlite::Result<()> {
    let headers = serde_json::json!(headers).to_string();
    let insert = "INSERT INTO queue (address, headers, since, due, set_aside)
                  VALUES (?1, ?2, ?3, ?3, 0)";
    index
        .prepare_cached(insert)?
        .execute(params![address.to_string(), headers, now])?;
    Ok(())
}

/// Those that are due first, at most so many. Only what was set aside waits for its time: a clock that is set back holds up nothing else.
pub(super) fn due(index: &Connection, now: i64, most: u32) -> rusqlite::Result<Vec<Pending>> {
    let read = |row: &rusqlite::Row<'_>| {
        let headers: String = row.get(2)?;
        Ok(Pending {
            number: row.get(0)?,
            address: address(row, 1)?,
            // Without them the object is replicated in a trace of its own.
            headers: serde_json::from_str(&headers).unwrap_or_default(),
            set_aside: row.get(3)?,
        })
    };
    let select = "SELECT number, address, headers, set_aside FROM queue
                  WHERE set_aside = 0 OR due <= ?1 ORDER BY due, number LIMIT ?2";
    let mut select = index.prepare_cached(select)?;
    let rows = select.query_map([now, i64::from(most)], read)?;
    rows.collect()
}

/// Has one wait until `due`, behind those that are due before.
pub(super) fn postpone(
    index: &Connection,
    number: i64,
    due: i64,
    set_aside: u32,
) -> rusqlite::Result<()> {
    index
        .prepare_cached("UPDATE queue SET due = ?2, set_aside = ?3 WHERE number = ?1")?
        .execute(params![number, due, set_aside])?;
    Ok(())
}

/// Has an object that was set aside be due: what it was set aside for may be mended.
pub(super) fn hurry(index: &Connection, address: Address, now: i64) -> rusqlite::Result<()> {
    index
        .prepare_cached("UPDATE queue SET due = min(due, ?2) WHERE address = ?1")?
        .execute(params![address.to_string(), now])?;
    Ok(())
}

pub(super) fn remove(index: &Connection, number: i64) -> rusqlite::Result<()> {
    index
        .prepare_cached("DELETE FROM queue WHERE number = ?1")?
        .execute([number])?;
    Ok(())
}

pub(super) fn backlog(index: &Connection) -> rusqlite::Result<Backlog> {
    // Each from an index of its own: it is asked every second, however long the queue is.
    let select = "SELECT (SELECT count(*) FROM queue),
                         (SELECT count(*) FROM queue WHERE set_aside > 0),
                         (SELECT min(since) FROM queue)";
    index.prepare_cached(select)?.query_row([], |row| {
        Ok(Backlog {
            pending: count(row, 0)?,
            set_aside: count(row, 1)?,
            since: row.get(2)?,
        })
    })
}
