//! When a worker was last at work, so that one that is gone is seen before its queue grows.

use counterfoil::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::{restored, stored};
use crate::errors::Failure;

/// Notes that a worker is at work. All of them share one row: what counts is whether there is any.
pub(crate) fn beat(connection: &Connection, now: Timestamp) -> Result<(), Failure> {
    let sql = "INSERT INTO worker_heartbeat (id, at) VALUES (1, ?1)
        ON CONFLICT (id) DO UPDATE SET at = ?1";
    connection.prepare_cached(sql)?.execute([stored(now)])?;
    Ok(())
}

/// When a worker was last at work, if ever.
pub(crate) fn last(connection: &Connection) -> Result<Option<Timestamp>, Failure> {
    let mut statement = connection.prepare_cached("SELECT at FROM worker_heartbeat")?;
    let at = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(at.map(restored))
}
