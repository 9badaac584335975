//! Verifying a chain that is held in memory.

use std::fmt;

use counterfoil_core::{Digest, Head};
use counterfoil_merkle::{CompactRange, leaf_hash};

use crate::AuditRecord;
use crate::verify::Reason;

/// Length of a record's hash, in bytes.
pub const HASH_LEN: usize = Digest::LEN;

/// A chain that does not verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainError {
    index: usize,
    seq: Option<u64>,
    reason: Reason,
    detail: String,
}

impl ChainError {
    /// Position of the failing record in the slice, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// The number that the failing record states; `None` when there is no record.
    #[must_use]
    pub const fn seq(&self) -> Option<u64> {
        self.seq
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            Some(seq) => write!(
                f,
                "record {seq} (index {}) does not verify ({}): {}",
                self.index, self.reason, self.detail
            ),
            None => write!(
                f,
                "the chain does not verify ({}): {}",
                self.reason, self.detail
            ),
        }
    }
}

impl std::error::Error for ChainError {}

/// Verifies that `records` are intact and linked, beginning behind the record whose hash is `genesis` (32 zero bytes before
/// the first record of a chain). Returns the head that they end with, root included where they begin at record 1.
///
/// This says nothing about what should follow: compare the head with one that somebody else kept. Signatures are not
/// checked; [`verify`](crate::verify) does that.
///
/// # Errors
/// The first record that fails, with its index and the reason. An empty slice is an error: nothing was verified.
pub fn verify_chain(
    records: &[AuditRecord],
    genesis: impl Into<Digest>,
) -> Result<Head, ChainError> {
    let genesis = genesis.into();
    let Some(last) = records.last() else {
        return Err(ChainError {
            index: 0,
            seq: None,
            reason: Reason::Empty,
            detail: "there are no records, so nothing was verified".to_owned(),
        });
    };
    let mut tree = CompactRange::new();
    let mut before: Option<&AuditRecord> = None;
    for (index, record) in records.iter().enumerate() {
        let failed = |(reason, detail)| ChainError {
            index,
            seq: Some(record.seq()),
            reason,
            detail,
        };
        match before {
            None => first(record, genesis).map_err(failed)?,
            Some(before) => follows(record, before).map_err(failed)?,
        }
        let hash = leaf_hash(record.body());
        if hash != record.hash() {
            return Err(failed((
                Reason::Hash,
                format!("its hash is {hash}, and it states {}", record.hash()),
            )));
        }
        tree.append(hash);
        before = Some(record);
    }
    Ok(Head {
        root: (tree.size() == last.seq()).then(|| tree.root()),
        ..last.head()
    })
}

fn first(record: &AuditRecord, genesis: Digest) -> Result<(), (Reason, String)> {
    if record.prev() != genesis {
        return Err(link(record, genesis));
    }
    if (record.seq() == 1) != (genesis == Digest::ZERO) {
        return Err((
            Reason::Seq,
            "a chain begins with record 1 behind a zero hash, and no other record does".to_owned(),
        ));
    }
    Ok(())
}

fn follows(record: &AuditRecord, before: &AuditRecord) -> Result<(), (Reason, String)> {
    if record.prev() != before.hash() {
        return Err(link(record, before.hash()));
    }
    if record.seq() != before.seq() + 1 {
        return Err((Reason::Seq, format!("it follows record {}", before.seq())));
    }
    if record.time() < before.time() {
        return Err((
            Reason::Time,
            format!(
                "it was sealed at {}, before {}",
                record.time(),
                before.time()
            ),
        ));
    }
    if record.chain() != before.chain() {
        return Err((
            Reason::Id,
            format!("it is of {}, not of {}", record.chain(), before.chain()),
        ));
    }
    Ok(())
}

fn link(record: &AuditRecord, expected: Digest) -> (Reason, String) {
    (
        Reason::Link,
        format!(
            "it names {} as its predecessor, which is {expected}",
            record.prev()
        ),
    )
}
