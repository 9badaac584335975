//! Waiting for durability, and a list of what was promised durable.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use counterfoil::{LeaseId, Receipt};

use super::tally::{Happening, Tally};

/// How long a record may take to become durable before it is counted as not acknowledged.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for records. With a file, each acknowledgement is one line `<lease> <kind>` in it, written after the wait: who kills
/// the demo can then check that every line is in the log.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    file: Option<Mutex<File>>,
}

impl Acks {
    /// Writes a line per acknowledgement to the end of the file at `path`.
    pub(crate) fn to_file(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        Ok(Self {
            file: Some(Mutex::new(file)),
        })
    }

    /// Waits until the record behind `receipt` is durable.
    pub(crate) fn settle(
        &self,
        lease: LeaseId,
        happening: Happening,
        receipt: Receipt<'_>,
        tally: &Tally,
    ) {
        if receipt.wait_durable(PATIENCE).is_err() {
            return;
        }
        tally.note_acknowledged();
        if let Some(file) = &self.file {
            let line = format!("{lease} {}\n", happening.audit_kind());
            // A line that is not written is an acknowledgement that nobody checks; the demo itself is not affected.
            let _unchecked = file
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(line.as_bytes());
        }
    }
}
