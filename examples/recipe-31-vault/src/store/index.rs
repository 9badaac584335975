//! The soup: an index of the objects by type, attributes and time.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use serde::Serialize;

use super::restored;
use crate::address::Address;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA busy_timeout = 5000;
    PRAGMA foreign_keys = ON;
    CREATE TABLE IF NOT EXISTS objects (
        address TEXT PRIMARY KEY,
        type TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        created INTEGER NOT NULL,
        expires INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS objects_by_type ON objects (type, created);
    CREATE INDEX IF NOT EXISTS objects_by_time ON objects (created);
    CREATE INDEX IF NOT EXISTS objects_by_expiry ON objects (expires) WHERE expires IS NOT NULL;
    CREATE TABLE IF NOT EXISTS attributes (
        address TEXT NOT NULL REFERENCES objects (address) ON DELETE CASCADE,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (address, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS attributes_by_value ON attributes (name, value);
    CREATE TABLE IF NOT EXISTS queue (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        address TEXT NOT NULL REFERENCES objects (address) ON DELETE CASCADE,
        headers TEXT NOT NULL,
        since INTEGER NOT NULL,
        due INTEGER NOT NULL,
        set_aside INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS queue_by_address ON queue (address);
    CREATE INDEX IF NOT EXISTS queue_by_due ON queue (due);
    CREATE INDEX IF NOT EXISTS queue_by_since ON queue (since);
    CREATE INDEX IF NOT EXISTS queue_set_aside ON queue (number) WHERE set_aside > 0;
    CREATE TABLE IF NOT EXISTS alerts (
        name TEXT PRIMARY KEY,
        since INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS totals (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        objects INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    ) STRICT;
    INSERT OR IGNORE INTO totals VALUES (1, 0, 0);
    CREATE TRIGGER IF NOT EXISTS object_added AFTER INSERT ON objects BEGIN
        UPDATE totals SET objects = objects + 1, bytes = bytes + new.bytes;
    END;
    CREATE TRIGGER IF NOT EXISTS object_removed AFTER DELETE ON objects BEGIN
        UPDATE totals SET objects = objects - 1, bytes = bytes - old.bytes;
    END;
";

/// What is said about an object when it is put.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    pub(crate) kind: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) ttl: Option<Duration>,
}

/// An object as the index has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    pub(crate) address: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) bytes: u64,
    pub(crate) created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<String>,
    #[serde(skip)]
    expires_nanos: Option<i64>,
    pub(crate) attributes: Vec<(String, String)>,
}

impl Entry {
    /// What to say about the object where it is put again at `now`.
    pub(crate) fn about(&self, now: i64) -> About {
        let left = |expires: i64| Duration::from_nanos(expires.saturating_sub(now).max(0) as u64);
        About {
            kind: self.kind.clone(),
            attributes: self.attributes.clone(),
            ttl: self.expires_nanos.map(left),
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) kind: Option<String>,
    pub(crate) attributes: Vec<(String, String)>,
    /// Created at this time or later, in nanoseconds.
    pub(crate) since: Option<i64>,
    /// Created before this time.
    pub(crate) until: Option<i64>,
    /// The most entries.
    pub(crate) limit: u32,
}

pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

/// How many objects there are, and what they hold.
pub(super) fn totals(index: &Connection) -> rusqlite::Result<(u64, u64)> {
    index
        .prepare_cached("SELECT objects, bytes FROM totals")?
        .query_row([], |row| Ok((count(row, 0)?, count(row, 1)?)))
}

/// Size of the index in bytes.
pub(super) fn size(index: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name: &str| index.pragma_query_value(None, name, |row| count(row, 0));
    Ok(pragma("page_count")? * pragma("page_size")?)
}

/// What an object holds and when its time comes, even if it has come.
pub(super) fn lifetime(
    index: &Connection,
    address: Address,
) -> rusqlite::Result<Option<(u64, Option<i64>)>> {
    index
        .prepare_cached("SELECT bytes, expires FROM objects WHERE address = ?1")?
        .query_row([address.to_string()], |row| {
            Ok((count(row, 0)?, row.get(1)?))
        })
        .optional()
}

pub(super) fn set_expiry(
    index: &Connection,
    address: Address,
    expires: Option<i64>,
) -> rusqlite::Result<()> {
    index
        .prepare_cached("UPDATE objects SET expires = ?2 WHERE address = ?1")?
        .execute(params![address.to_string(), expires])?;
    Ok(())
}

pub(super) fn insert(
    index: &Connection,
    address: Address,
    bytes: u64,
    about: &About,
    now: i64,
) -> rusqlite::Result<()> {
    let address = address.to_string();
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    index
        .prepare_cached("INSERT INTO objects VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![address, about.kind, bytes, now, expiry(about, now)])?;
    let mut insert =
        index.prepare_cached("INSERT OR REPLACE INTO attributes VALUES (?1, ?2, ?3)")?;
    for (name, value) in &about.attributes {
        insert.execute(params![address, name, value])?;
    }
    Ok(())
}

/// An object whose time has not come.
pub(super) fn entry(
    index: &Connection,
    address: Address,
    now: i64,
) -> rusqlite::Result<Option<Entry>> {
    let select = "SELECT address, type, bytes, created, expires FROM objects
                  WHERE address = ?1 AND (expires IS NULL OR expires > ?2)";
    let found = index
        .prepare_cached(select)?
        .query_row(params![address.to_string(), now], read)
        .optional()?;
    found.map(|entry| with_attributes(index, entry)).transpose()
}

/// What is asked for, newest first.
pub(super) fn query(index: &Connection, wanted: &Wanted, now: i64) -> rusqlite::Result<Vec<Entry>> {
    let mut select = "SELECT address, type, bytes, created, expires FROM objects
                      WHERE (expires IS NULL OR expires > ?)"
        .to_owned();
    let mut values = vec![Value::from(now)];
    let mut and = |condition: &str, more: &[Value]| {
        select.push_str(condition);
        values.extend_from_slice(more);
    };
    if let Some(kind) = &wanted.kind {
        and(" AND type = ?", &[kind.clone().into()]);
    }
    for (name, value) in &wanted.attributes {
        and(
            " AND address IN (SELECT address FROM attributes WHERE name = ? AND value = ?)",
            &[name.clone().into(), value.clone().into()],
        );
    }
    if let Some(since) = wanted.since {
        and(" AND created >= ?", &[since.into()]);
    }
    if let Some(until) = wanted.until {
        and(" AND created < ?", &[until.into()]);
    }
    and(
        " ORDER BY created DESC, address LIMIT ?",
        &[i64::from(wanted.limit).into()],
    );
    let mut statement = index.prepare_cached(&select)?;
    let rows = statement.query_map(params_from_iter(values), read)?;
    rows.map(|row| with_attributes(index, row?)).collect()
}

/// An object whose time has come, and what it holds.
pub(super) fn oldest_expired(
    index: &Connection,
    now: i64,
) -> rusqlite::Result<Option<(Address, u64)>> {
    let select = "SELECT address, bytes FROM objects
                  WHERE expires IS NOT NULL AND expires <= ?1 ORDER BY expires LIMIT 1";
    index
        .prepare_cached(select)?
        .query_row([now], |row| Ok((address(row, 0)?, count(row, 1)?)))
        .optional()
}

pub(super) fn remove(index: &Connection, address: Address) -> rusqlite::Result<()> {
    index
        .prepare_cached("DELETE FROM objects WHERE address = ?1")?
        .execute([address.to_string()])?;
    Ok(())
}

/// An address in a column; one that is none would be damage.
pub(super) fn address(row: &Row<'_>, column: usize) -> rusqlite::Result<Address> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| rusqlite::Error::InvalidQuery)
}

/// A count in a column, which is never negative.
pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or_default())
}

/// When the time of an object comes that is put at `now`; `None` for never.
pub(super) fn expiry(about: &About, now: i64) -> Option<i64> {
    let nanos = |ttl: Duration| i64::try_from(ttl.as_nanos()).unwrap_or(i64::MAX);
    about.ttl.map(|ttl| now.saturating_add(nanos(ttl)))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let expires: Option<i64> = row.get(4)?;
    Ok(Entry {
        address: row.get(0)?,
        kind: row.get(1)?,
        bytes: count(row, 2)?,
        created: restored(row.get(3)?).to_string(),
        expires: expires.map(|it| restored(it).to_string()),
        expires_nanos: expires,
        attributes: Vec::new(),
    })
}

fn with_attributes(index: &Connection, mut entry: Entry) -> rusqlite::Result<Entry> {
    let mut select = index
        .prepare_cached("SELECT name, value FROM attributes WHERE address = ?1 ORDER BY name")?;
    let rows = select.query_map([&entry.address], |row| Ok((row.get(0)?, row.get(1)?)))?;
    entry.attributes = rows.collect::<Result<_, _>>()?;
    Ok(entry)
}
