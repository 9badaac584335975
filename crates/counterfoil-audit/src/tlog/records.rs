//! Records by their numbers, out of segments.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use counterfoil_merkle::leaf_hash;

use super::{READ, unreadable};
use crate::line::{LineView, MAX_LINE};
use crate::source::{LogFile, files_of};
use crate::{Error, ErrorKind};

/// So many records lie between two places that are remembered.
const STRIDE: u64 = 256;

/// Finds lines. It remembers where every 256th line of a segment that was read begins, 8 bytes for some 100 KB of log.
#[derive(Debug)]
pub(super) struct Records {
    segments: PathBuf,
    /// By the first record of a segment: where records 0, 256, 512 … after it begin.
    places: Mutex<BTreeMap<u64, Vec<u64>>>,
}

impl Records {
    pub(super) fn new(segments: PathBuf) -> Self {
        Self {
            segments,
            places: Mutex::default(),
        }
    }

    /// The bodies of `count` records from `first` on, each of which has the hash that its line states.
    pub(super) fn entries(&self, first: u64, count: usize) -> Result<Vec<Vec<u8>>, Error> {
        let lines = self.lines(first, count)?;
        let bodies = lines.iter().zip(first..).map(|(line, seq)| {
            let corrupt = |why: &str| {
                Error::new(
                    ErrorKind::Corrupt,
                    READ,
                    format!("record {seq} {why}; verify the log"),
                )
            };
            let view = LineView::parse(line).map_err(|_| corrupt("is malformed"))?;
            if leaf_hash(view.body).to_hex() != *view.hash {
                return Err(corrupt("does not have the hash that its line states"));
            }
            Ok(view.body.to_vec())
        });
        bodies.collect()
    }

    /// Forgets the places: another log may lie there now.
    pub(super) fn forget(&self) {
        self.places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// The lines of `count` records from `first` on.
    pub(super) fn lines(&self, first: u64, count: usize) -> Result<Vec<Vec<u8>>, Error> {
        let dir = self.segments.parent().unwrap_or(&self.segments);
        let files = files_of(dir)?;
        let mut lines = Vec::with_capacity(count);
        while lines.len() < count {
            let next = first + lines.len() as u64;
            let before = lines.len();
            if let Some((file, begins)) = segment_of(&files, next) {
                self.read(file, begins, next, count - before, &mut lines)
                    .map_err(|error| unreadable(&file.path, error))?;
            }
            if lines.len() == before {
                return Err(Error::new(
                    ErrorKind::Missing,
                    READ,
                    format!("there is no record {next} in {}", self.segments.display()),
                ));
            }
        }
        Ok(lines)
    }

    /// Reads up to `count` lines of one segment, from record `next` on.
    fn read(
        &self,
        file: &LogFile,
        begins: u64,
        next: u64,
        count: usize,
        lines: &mut Vec<Vec<u8>>,
    ) -> io::Result<()> {
        let (mut at, place) = self.nearest(begins, next);
        let mut open = file.open()?;
        let mut offset = open.seek(SeekFrom::Start(place))?;
        let mut reader = BufReader::with_capacity(1 << 16, open);
        let mut line = Vec::new();
        let until = next + count as u64;
        while at < until {
            line.clear();
            let read = (&mut reader)
                .take(MAX_LINE as u64)
                .read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                // The end, or a line that is being written, or none at all.
                return Ok(());
            }
            self.remember(begins, at, offset);
            if at >= next {
                lines.push(line.clone());
            }
            offset += read as u64;
            at += 1;
        }
        Ok(())
    }

    /// The last remembered place before a record: the record there, and its offset.
    fn nearest(&self, begins: u64, seq: u64) -> (u64, u64) {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = (seq - begins) / STRIDE;
        places
            .get(&begins)
            .and_then(|known| {
                let last = (known.len() as u64).checked_sub(1)?.min(wanted);
                Some((begins + last * STRIDE, known[last as usize]))
            })
            .unwrap_or((begins, 0))
    }

    fn remember(&self, begins: u64, seq: u64, offset: u64) {
        if !(seq - begins).is_multiple_of(STRIDE) {
            return;
        }
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let known = places.entry(begins).or_default();
        if known.len() as u64 == (seq - begins) / STRIDE {
            known.push(offset);
        }
    }
}

/// The segment that should hold a record, and its first record.
fn segment_of(files: &[LogFile], seq: u64) -> Option<(&LogFile, u64)> {
    let after = files.partition_point(|file| file.first_seq.is_some_and(|first| first <= seq));
    let file = files.get(after.checked_sub(1)?)?;
    Some((file, file.first_seq?))
}
