//! The outbox: what is to be told about changes, written in their transaction and kept until the queue has it.

use counterfoil::Timestamp;
use rusqlite::{Connection, Row, params};

use super::{restored, stored};
use crate::errors::{Failure, INTERNAL};

/// Headers of a message: the trace context of its sender and its request.
pub(crate) type Headers = Vec<(String, String)>;

/// What is told about a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) tenant: String,
    pub(crate) headers: Headers,
    pub(crate) at: Timestamp,
}

/// Writes an event.
pub(super) fn insert(connection: &Connection, event: &Event) -> Result<(), Failure> {
    let sql =
        "INSERT INTO outbox (id, type, subject, tenant, headers, at) VALUES (?, ?, ?, ?, ?, ?)";
    connection.prepare_cached(sql)?.execute(params![
        event.id,
        event.kind,
        event.subject,
        event.tenant,
        headers_to_text(&event.headers)?,
        stored(event.at),
    ])?;
    Ok(())
}

/// The oldest events, at most `most`.
pub(crate) fn oldest(connection: &Connection, most: u32) -> Result<Vec<Event>, Failure> {
    let sql = "SELECT id, type, subject, tenant, headers, at FROM outbox ORDER BY number LIMIT ?";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([most], event)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Removes an event. Whether it was there.
pub(crate) fn remove(connection: &Connection, id: &str) -> Result<bool, Failure> {
    let mut statement = connection.prepare_cached("DELETE FROM outbox WHERE id = ?")?;
    Ok(statement.execute([id])? > 0)
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        id: row.get(0)?,
        kind: row.get(1)?,
        subject: row.get(2)?,
        tenant: row.get(3)?,
        headers: headers_from_text(&row.get::<_, String>(4)?),
        at: restored(row.get(5)?),
    })
}

pub(super) fn headers_to_text(headers: &Headers) -> Result<String, Failure> {
    serde_json::to_string(headers).map_err(|error| Failure::because(INTERNAL, error))
}

/// Headers that cannot be read are as good as none: the message is processed in a trace of its own.
pub(super) fn headers_from_text(text: &str) -> Headers {
    serde_json::from_str(text).unwrap_or_default()
}
