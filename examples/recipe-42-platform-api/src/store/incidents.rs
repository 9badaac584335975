//! What went wrong and needs somebody: each message that was given up opens an incident.

use counterfoil::Timestamp;
use rusqlite::{Connection, params};

use super::stored;
use crate::errors::Failure;

/// An incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Incident {
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) tenant: String,
    pub(crate) error_code: String,
    pub(crate) trace_id: Option<String>,
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

/// Closes the incidents of a subject, which is well again or gone.
pub(crate) fn close(connection: &Connection, subject: &str, now: Timestamp) -> Result<(), Failure> {
    let sql = "UPDATE incidents SET closed_at = ?2 WHERE subject = ?1 AND closed_at IS NULL";
    connection
        .prepare_cached(sql)?
        .execute(params![subject, stored(now)])?;
    Ok(())
}

/// Forgets incidents that were opened before `until`, at most `most`. How many. One that nobody has closed by then nobody will.
pub(crate) fn forget(connection: &Connection, until: i64, most: usize) -> Result<usize, Failure> {
    let sql = "DELETE FROM incidents WHERE number IN
        (SELECT number FROM incidents WHERE opened_at < ? LIMIT ?)";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.execute(params![until, i64::try_from(most).unwrap_or(i64::MAX)])?)
}
