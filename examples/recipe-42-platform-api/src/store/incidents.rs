//! What went wrong and needs somebody: each message that was given up opens an incident.

use counterfoil::Timestamp;
use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::{restored, stored};
use crate::errors::Failure;

/// An incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Incident {
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) tenant: String,
    pub(crate) error_code: String,
    pub(crate) trace_id: Option<String>,
    #[serde(serialize_with = "crate::domain::as_text")]
    pub(crate) opened_at: Timestamp,
}

/// Opens an incident.
pub(crate) fn open(connection: &Connection, incident: &Incident) -> Result<(), Failure> {
    let sql = "INSERT INTO incidents (kind, subject, tenant, error_code, trace_id, opened_at)
        VALUES (?, ?, ?, ?, ?, ?)";
    connection.prepare_cached(sql)?.execute(params![
        incident.kind,
        incident.subject,
        incident.tenant,
        incident.error_code,
        incident.trace_id,
        stored(incident.opened_at),
    ])?;
    Ok(())
}

/// The newest incidents that nobody has closed, at most `most`.
pub(crate) fn newest(connection: &Connection, most: u32) -> Result<Vec<Incident>, Failure> {
    let sql = "SELECT kind, subject, tenant, error_code, trace_id, opened_at FROM incidents
        WHERE closed_at IS NULL ORDER BY number DESC LIMIT ?";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([most], incident)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Closes the incidents of a subject, which is well again or gone.
pub(crate) fn close(connection: &Connection, subject: &str, now: Timestamp) -> Result<(), Failure> {
    let sql = "UPDATE incidents SET closed_at = ?2 WHERE subject = ?1 AND closed_at IS NULL";
    connection
        .prepare_cached(sql)?
        .execute(params![subject, stored(now)])?;
    Ok(())
}

fn incident(row: &Row<'_>) -> rusqlite::Result<Incident> {
    Ok(Incident {
        kind: row.get(0)?,
        subject: row.get(1)?,
        tenant: row.get(2)?,
        error_code: row.get(3)?,
        trace_id: row.get(4)?,
        opened_at: restored(row.get(5)?),
    })
}
