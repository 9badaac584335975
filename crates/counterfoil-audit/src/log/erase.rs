//! Erasing a value: destroy its opening, then seal that this was done (audit specification §9).

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use counterfoil_core::{Digest, Sensitive};

use crate::body::pointer::commitments;
use crate::data::is_pointer;
use crate::log::audit_log::AuditLog;
use crate::log::files::{FileSystem, StdFiles};
use crate::log::openings::Openings;
use crate::log::reading::Segments;
use crate::log::waiters::after;
use crate::{AuditEventData, Erased, ErasedItem, Error, ErrorKind};

const ERASE: &str = "erase a value";
const REVEAL: &str = "reveal a value";
const FIND: &str = "find an erasable value";

/// What [`AuditLog::erase`] came to. In every case the opening is gone and record `seq` says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "an opening is there or not, and so is its record; callers match on it"
)]
pub enum Erasure {
    /// The opening was destroyed now.
    Erased {
        /// The `erased` record.
        seq: u64,
    },
    /// The opening was gone, and no record said so: an erasure before was interrupted, or somebody removed the opening.
    Recorded {
        /// The `erased` record, sealed now.
        seq: u64,
    },
    /// It had been erased before; nothing was done.
    AlreadyErased {
        /// The `erased` record, sealed then.
        seq: u64,
    },
}

impl AuditLog {
    /// Forgets the value at `pointer` (a JSON pointer from the body, such as `/who/principal`) of record `seq`: destroys its
    /// opening, and then seals an `erased` record that gives `reason`, durably. No hash changes, so every proof still verifies,
    /// and without the salt nobody can confirm the value by guessing. Copies and backups of `openings/` are not reached.
    ///
    /// When it is interrupted between the two steps the log verifies as INCOMPLETE; calling it again completes it.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) when there is no erasable value at this place, [`Missing`](ErrorKind::Missing) when the
    /// log has no such record, or not yet durably, [`Io`](ErrorKind::Io) when the opening could not be overwritten,
    /// [`Timeout`](ErrorKind::Timeout) when the record did not become durable within `patience`,
    /// [`Closed`](ErrorKind::Closed), and what made the log fail.
    pub fn erase(
        &self,
        seq: u64,
        pointer: &str,
        reason: &str,
        patience: Duration,
    ) -> Result<Erasure, Error> {
        let until = after(patience);
        // One at a time: two of the same value would both find the opening.
        let _turn = self.take_turn();
        // Nothing is destroyed that could not be recorded.
        self.shared().require_open(ERASE)?;
        let durable = self.shared().progress.durable_seq.load(Ordering::Acquire);
        if seq > durable {
            return Err(Error::new(
                ErrorKind::Missing,
                ERASE,
                format!("the log has {durable} durable records, and record {seq} is none of them"),
            ));
        }
        let (files, log) = (self.files(), self.directory());
        find_commitment(files, log, seq, pointer, ERASE)?;
        let destroyed = Openings::of(files, log)
            .destroy(seq, pointer)
            .map_err(|error| at(log, ERASE, error))?;
        if !destroyed {
            let before = Segments::of(files, log).erased_by(seq, pointer);
            if let Some(seq) = before.map_err(|error| at(log, ERASE, error))? {
                return Ok(Erasure::AlreadyErased { seq });
            }
        }
        let data = AuditEventData::Erased(Erased {
            items: vec![ErasedItem {
                pointer: pointer.to_owned(),
                seq,
            }],
            reason: reason.into(),
        });
        let seq = self.shared().seal_own(data, until, ERASE)?;
        Ok(if destroyed {
            Erasure::Erased { seq }
        } else {
            Erasure::Recorded { seq }
        })
    }
}

/// The JSON text of the erasable value at `pointer` of record `seq` of the log in `log`, checked against its commitment. Reads
/// only, and beside a writer too; it is the caller's to seal an `access` record.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid) when there is no erasable value at this place, [`Missing`](ErrorKind::Missing) when the log has
/// no such record, [`Gone`](ErrorKind::Gone) when the opening is not there any more, [`Corrupt`](ErrorKind::Corrupt) when the opening is not that of the commitment, and
/// [`Io`](ErrorKind::Io).
pub fn reveal(log: &Path, seq: u64, pointer: &str) -> Result<Sensitive<String>, Error> {
    let files = &StdFiles;
    let (chain, commitment) = find_commitment(files, log, seq, pointer, REVEAL)?;
    let opening = Openings::of(files, log).find(seq, pointer);
    let Some(opening) = opening.map_err(|error| at(log, REVEAL, error))? else {
        let why = match erased_by(log, seq, pointer)? {
            Some(by) => format!("{pointer} of record {seq} was erased, as record {by} says"),
            None => format!(
                "the opening of {pointer} of record {seq} is not in {}, and no record says that it was erased. Openings are \
                 never shipped with copies; look in the log's own directory",
                log.join("openings").display()
            ),
        };
        return Err(Error::new(ErrorKind::Gone, REVEAL, why));
    };
    if opening.commitment(&chain) != commitment {
        return Err(Error::new(
            ErrorKind::Corrupt,
            REVEAL,
            format!(
                "the opening of {pointer} of record {seq} does not match the commitment in the record"
            ),
        ));
    }
    String::from_utf8(opening.value.to_vec())
        .map(Sensitive::new)
        .map_err(|_| {
            Error::new(
                ErrorKind::Corrupt,
                REVEAL,
                format!("the opening of {pointer} of record {seq} is no text"),
            )
        })
}

/// The record of the log in `log` that says that the value at `pointer` of record `seq` was erased; `None` when none does, or
/// when its opening is there (again). Reads only, and beside a writer too.
///
/// # Errors
/// As [`reveal`].
pub fn erased_by(log: &Path, seq: u64, pointer: &str) -> Result<Option<u64>, Error> {
    let files = &StdFiles;
    find_commitment(files, log, seq, pointer, FIND)?;
    let read = || {
        if Openings::of(files, log).find(seq, pointer)?.is_some() {
            return Ok(None);
        }
        Segments::of(files, log).erased_by(seq, pointer)
    };
    read().map_err(|error| at(log, FIND, error))
}

/// The chain and the commitment at a place.
fn find_commitment(
    files: &dyn FileSystem,
    log: &Path,
    seq: u64,
    pointer: &str,
    operation: &'static str,
) -> Result<(String, Digest), Error> {
    if !is_pointer(pointer) {
        return Err(Error::invalid(
            operation,
            format!("{pointer:?} is no JSON pointer such as /who/principal"),
        ));
    }
    let record = Segments::of(files, log).record(seq);
    let Some(record) = record.map_err(|error| at(log, operation, error))? else {
        return Err(Error::new(
            ErrorKind::Missing,
            operation,
            format!("{} has no record {seq}", log.display()),
        ));
    };
    let record = record?;
    let found = commitments(record.body());
    let places: Vec<&str> = found.iter().map(|found| found.pointer.as_str()).collect();
    let Some(found) = found.iter().find(|found| found.pointer == pointer) else {
        let those = if places.is_empty() {
            "it has none".to_owned()
        } else {
            format!("it has one at {}", places.join(", "))
        };
        return Err(Error::invalid(
            operation,
            format!("record {seq} has no erasable value at {pointer}; {those}"),
        ));
    };
    Ok((record.chain().to_string(), found.digest))
}

fn at(log: &Path, operation: &'static str, error: io::Error) -> Error {
    let context = format!("{} could not be read or written ({error})", log.display());
    Error::new(ErrorKind::Io, operation, context).with_source(error)
}
