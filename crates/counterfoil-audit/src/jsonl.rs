//! Records as lines of text: one line is one record, and the bytes are the record.

use std::io::{BufRead, Write};

use crate::line::MAX_LINE;
use crate::{AuditRecord, Error, ErrorKind};

/// Writes the record's line, unchanged.
///
/// # Errors
/// When the writer fails.
pub fn write_record(writer: &mut impl Write, record: &AuditRecord) -> Result<(), Error> {
    writer.write_all(record.line()).map_err(|error| {
        Error::new(
            ErrorKind::Io,
            "write a record",
            format!("record {} of {}", record.seq(), record.chain()),
        )
        .with_source(error)
    })
}

/// Reads records one after another, strictly and without judging how they are linked: see
/// [`verify_chain`](crate::verify_chain) for a slice and [`verify`](crate::verify) for logs of any size.
///
/// Holds one line at a time. After an error the iterator ends.
pub fn read_records<R: BufRead>(reader: R) -> Records<R> {
    Records {
        reader,
        line: Vec::new(),
        number: 0,
        failed: false,
    }
}

/// The iterator of [`read_records`].
#[derive(Debug)]
pub struct Records<R> {
    reader: R,
    line: Vec<u8>,
    number: u64,
    failed: bool,
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = Result<AuditRecord, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let record = self.read().transpose()?;
        self.failed = record.is_err();
        Some(record)
    }
}

impl<R: BufRead> Records<R> {
    fn read(&mut self) -> Result<Option<AuditRecord>, Error> {
        self.line.clear();
        self.number += 1;
        // One byte more than the longest line tells a line that is too long from one that fits.
        let mut limited = std::io::Read::take(&mut self.reader, MAX_LINE as u64 + 1);
        let len = limited.read_until(b'\n', &mut self.line).map_err(|error| {
            self.error(ErrorKind::Io, "reading failed")
                .with_source(error)
        })?;
        if len == 0 {
            return Ok(None);
        }
        if self.line.last() != Some(&b'\n') {
            let why = if len > MAX_LINE {
                "it is longer than any record"
            } else {
                "it does not end with a line feed, so it was cut short"
            };
            return Err(self.error(ErrorKind::Corrupt, why));
        }
        AuditRecord::parse(&self.line).map(Some).map_err(|error| {
            self.error(ErrorKind::Corrupt, "it is no record")
                .with_source(error)
        })
    }

    fn error(&self, kind: ErrorKind, why: &str) -> Error {
        Error::new(kind, "read records", format!("line {}: {why}", self.number))
    }
}
