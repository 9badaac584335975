//! The records of a log directory or of a file, one after another.

use std::path::Path;

use counterfoil_audit::AuditRecord;

use crate::Error;
use crate::lines::{Got, Line, Lines};

/// Reads one line at a time, beside a writer if there is one. It holds one line in memory.
#[derive(Debug)]
pub struct Source {
    lines: Lines,
}

/// What comes next in a [`Source`].
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a reader that overlooks one of them would misread a log"
)]
pub enum Next {
    /// A record.
    Record(Box<AuditRecord>),
    /// A line that is no record.
    Malformed {
        /// The line and its file, such as `line 7 of a.jsonl`.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The last line has no line feed: it is being written, or was torn.
    Unfinished {
        /// The line and its file.
        place: String,
    },
    /// There are no more.
    End,
}

impl Source {
    /// The segments of the log directory at `path`, or the one file that it is.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) when `path` cannot be read or is a directory that holds no log.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self {
            lines: Lines::open(path)?,
        })
    }

    /// The next record, or what stands in its place. After a malformed line it goes on with the next one. After an unfinished
    /// one, and at the end, it may be asked again: what a writer has added meanwhile comes then.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) when a file cannot be read.
    pub fn read(&mut self) -> Result<Next, Error> {
        Ok(match self.lines.read()? {
            Got::Line(line) => record(line),
            Got::Unfinished { place } => Next::Unfinished { place },
            Got::End => Next::End,
        })
    }
}

/// What a line says.
pub(crate) fn record(line: Line<'_>) -> Next {
    match AuditRecord::parse(line.bytes) {
        Ok(record) => Next::Record(Box::new(record)),
        Err(error) => Next::Malformed {
            place: line.place(),
            why: error.to_string(),
        },
    }
}
