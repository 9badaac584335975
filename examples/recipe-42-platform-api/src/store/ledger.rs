//! What tenants have paid and what it was spent on. Each entry is there once, whatever is sent twice.

use counterfoil::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::stored;
use crate::errors::Failure;

/// Why an amount moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The billing provider took a payment.
    Payment,
    /// An allocation was made.
    Allocation,
    /// An allocation failed.
    Refund,
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Allocation => "allocation",
            Self::Refund => "refund",
        }
    }
}

/// An entry: what moved, why, and what it refers to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) reason: Reason,
    pub(crate) reference: &'a str,
    pub(crate) amount: i64,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Posted {
    /// It is in the ledger, and this is the balance.
    Balance(i64),
    /// It was there already.
    Before,
    /// The balance does not cover it.
    NotCovered,
}

/// Posts an entry and moves the balance with it.
pub(crate) fn post(
    connection: &Connection,
    entry: Entry<'_>,
    now: Timestamp,
) -> Result<Posted, Failure> {
    let Entry {
        tenant,
        reason,
        reference,
        amount,
    } = entry;
    let sql = "INSERT INTO ledger (tenant, reason, reference, amount, at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING";
    let added = connection.prepare_cached(sql)?.execute(params![
        tenant,
        reason.as_str(),
        reference,
        amount,
        stored(now)
    ])?;
    if added == 0 {
        return Ok(Posted::Before);
    }
    let sql = "UPDATE tenants SET balance = balance + ?2 WHERE name = ?1 AND balance + ?2 >= 0
        RETURNING balance";
    let mut statement = connection.prepare_cached(sql)?;
    let balance = statement.query_row(params![tenant, amount], |row| row.get(0));
    Ok(balance
        .optional()?
        .map_or(Posted::NotCovered, Posted::Balance))
}

/// Notes that a webhook's event came in. The digest of what it said when it came first.
pub(crate) fn note_event(
    connection: &Connection,
    id: &str,
    content: [u8; 32],
    now: Timestamp,
) -> Result<Option<[u8; 32]>, Failure> {
    let sql = "SELECT content_hash FROM webhook_events WHERE id = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let before = statement.query_row([id], |row| row.get(0)).optional()?;
    if before.is_none() {
        let sql = "INSERT INTO webhook_events (id, content_hash, at) VALUES (?, ?, ?)";
        connection
            .prepare_cached(sql)?
            .execute(params![id, content, stored(now)])?;
    }
    Ok(before)
}
