//! The records of a log directory or of a file, one after another.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::vec;

use counterfoil_audit::{AuditRecord, MAX_LINE};

use crate::{Error, ErrorKind};

/// Reads one line at a time, beside a writer if there is one. It holds one line in memory.
#[derive(Debug)]
pub struct Source {
    files: vec::IntoIter<PathBuf>,
    open: Option<(PathBuf, BufReader<File>)>,
    line: Vec<u8>,
    number: u64,
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
    /// [`Io`](ErrorKind::Io) when `path` cannot be read or is a directory that holds no log.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let metadata = fs::metadata(path).map_err(|error| cannot(path, error))?;
        let files = if metadata.is_dir() {
            segments(path)?
        } else {
            vec![path.to_owned()]
        };
        Ok(Self {
            files: files.into_iter(),
            open: None,
            line: Vec::new(),
            number: 0,
        })
    }

    /// The next record, or what stands in its place. After a malformed line it goes on with the next one; after an
    /// unfinished one there is nothing more.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when a file cannot be read.
    pub fn read(&mut self) -> Result<Next, Error> {
        loop {
            let Some((path, reader)) = &mut self.open else {
                let Some(path) = self.files.next() else {
                    return Ok(Next::End);
                };
                let file = File::open(&path).map_err(|error| cannot(&path, error))?;
                self.open = Some((path, BufReader::with_capacity(1 << 16, file)));
                self.number = 0;
                continue;
            };
            self.line.clear();
            // One byte more than the longest line tells a line that is too long from one that fits.
            let len = reader
                .take(MAX_LINE as u64 + 1)
                .read_until(b'\n', &mut self.line)
                .map_err(|error| cannot(path, error))?;
            if len == 0 {
                self.open = None;
                continue;
            }
            self.number += 1;
            let place = || format!("line {} of {}", self.number, path.display());
            if self.line.last() != Some(&b'\n') && len <= MAX_LINE {
                return Ok(Next::Unfinished { place: place() });
            }
            return Ok(match AuditRecord::parse(&self.line) {
                Ok(record) => Next::Record(Box::new(record)),
                Err(error) => Next::Malformed {
                    place: place(),
                    why: error.to_string(),
                },
            });
        }
    }
}

fn segments(log: &Path) -> Result<Vec<PathBuf>, Error> {
    let folder = log.join("segments");
    let cannot_list = |error: io::Error| {
        Error::new(
            ErrorKind::Io,
            "read",
            format!(
                "the log in {}: {}: {error}; give a directory that holds a log, or a .jsonl file",
                log.display(),
                folder.display()
            ),
        )
        .with_source(error)
    };
    let mut segments = Vec::new();
    for entry in fs::read_dir(&folder).map_err(cannot_list)? {
        let path = entry.map_err(cannot_list)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            segments.push(path);
        }
    }
    // Names are numbers of 20 digits, so their order is the order of the log.
    segments.sort();
    Ok(segments)
}

fn cannot(path: &Path, error: io::Error) -> Error {
    Error::new(
        ErrorKind::Io,
        "read",
        format!(
            "{}: {error}; give a log directory or a .jsonl file",
            path.display()
        ),
    )
    .with_source(error)
}
