//! Which idempotency keys came with which request. Neither is kept: their digests are.

use std::time::Duration;

use counterfoil::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{before, stored};
use crate::errors::{Failure, IDEMPOTENCY_REUSED};

/// How long a key is remembered.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How many keys are forgotten at once.
const FORGOTTEN: u32 = 256;

/// A request with a key, by their digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keyed {
    pub(crate) key: [u8; 32],
    pub(crate) request: [u8; 32],
}

/// The allocation that was made when this request came first.
pub(crate) fn find(connection: &Connection, keyed: Keyed) -> Result<Option<String>, Failure> {
    let sql = "SELECT request_hash, allocation FROM idempotency WHERE key_hash = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row([keyed.key], |row| {
        Ok((row.get::<_, [u8; 32]>(0)?, row.get(1)?))
    });
    match found.optional()? {
        None => Ok(None),
        Some((request, allocation)) if keyed.request == request => Ok(Some(allocation)),
        Some(_) => Err(IDEMPOTENCY_REUSED.into()),
    }
}

/// Remembers which allocation was made.
pub(crate) fn insert(
    connection: &Connection,
    keyed: Keyed,
    allocation: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    let sql =
        "INSERT INTO idempotency (key_hash, request_hash, allocation, at) VALUES (?, ?, ?, ?)";
    connection.prepare_cached(sql)?.execute(params![
        keyed.key,
        keyed.request,
        allocation,
        stored(now)
    ])?;
    Ok(())
}

/// Forgets keys that are a day old.
pub(crate) fn forget(connection: &Connection, now: Timestamp) -> Result<(), Failure> {
    let sql = "DELETE FROM idempotency WHERE key_hash IN
        (SELECT key_hash FROM idempotency WHERE at < ? ORDER BY at LIMIT ?)";
    connection
        .prepare_cached(sql)?
        .execute(params![before(now, KEPT), FORGOTTEN])?;
    Ok(())
}
