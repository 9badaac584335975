//! The records of a log directory or of a file, one after another.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::vec;

use counterfoil::audit::{AuditRecord, MAX_LINE};

use crate::failure::{Code, Exit, Failure};

/// Reads one line at a time.
#[derive(Debug)]
pub(crate) struct Source {
    files: vec::IntoIter<PathBuf>,
    open: Option<(PathBuf, BufReader<File>)>,
    line: Vec<u8>,
    number: u64,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    Record(Box<AuditRecord>),
    /// A line that is no record.
    Malformed {
        place: String,
        why: String,
    },
    /// The last line has no line feed.
    Unfinished {
        place: String,
    },
    End,
}

impl Source {
    /// The segments of the log at `path`, or the one file that it is.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let metadata = fs::metadata(path).map_err(|error| cannot(path, &error))?;
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

    pub(crate) fn next(&mut self) -> Result<Next, Failure> {
        loop {
            let Some((path, reader)) = &mut self.open else {
                let Some(path) = self.files.next() else {
                    return Ok(Next::End);
                };
                let file = File::open(&path).map_err(|error| cannot(&path, &error))?;
                self.open = Some((path, BufReader::with_capacity(1 << 16, file)));
                self.number = 0;
                continue;
            };
            self.line.clear();
            // One byte more than the longest line tells a line that is too long from one that fits.
            let len = reader
                .take(MAX_LINE as u64 + 1)
                .read_until(b'\n', &mut self.line)
                .map_err(|error| cannot(path, &error))?;
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

fn segments(log: &Path) -> Result<Vec<PathBuf>, Failure> {
    let folder = log.join("segments");
    let cannot_list = |error: io::Error| {
        Failure::new(
            Exit::Unreadable,
            format!(
                "cannot read the log in {}: {}: {error}; give a directory that holds a log, or a .jsonl file",
                log.display(),
                folder.display()
            ),
        )
        .with_code(Code::Log)
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

fn cannot(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Exit::Unreadable,
        format!(
            "cannot read {}: {error}; give a log directory or a .jsonl file",
            path.display()
        ),
    )
    .with_code(Code::Log)
}
