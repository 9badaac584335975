//! Reading the records of a running log in order, as they become durable.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use counterfoil_core::SealedLine;

use crate::log::shared::Shared;
use crate::source::{Chunk, Chunks, FileId, LogFile, files_of, unreadable};
use crate::{AuditLog, AuditRecord, Error, ErrorKind};

impl AuditLog {
    /// Reads this log's records behind record `after` (0 for the first), beside the writer and after it has closed.
    #[must_use]
    pub fn follow(&self, after: u64) -> Follow {
        Follow::new(self.dir.clone(), Arc::clone(&self.shared), after)
    }
}

/// A place in a log that moves on with it: for whoever ships the lines elsewhere.
///
/// It reads the segments from the file system, holds up nobody, and gives only records that are durable: none that a power
/// failure may take back. Records that retention has removed before they were read are counted as
/// [`missed`](Self::missed). It does not verify; whoever receives the lines does.
///
/// ```
/// use std::time::Duration;
/// use counterfoil_audit::AuditLog;
///
/// # let directory = tempfile::tempdir()?;
/// let log = AuditLog::builder(directory.path().join("audit"), "audit.example.com/leases").open()?;
/// let mut follow = log.follow(0);
/// log.close(Duration::from_secs(10));
/// let lines = follow.read(100)?;
/// assert_eq!((lines[0].seq, follow.next()), (1, lines.len() as u64 + 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Follow {
    dir: PathBuf,
    shared: Arc<Shared>,
    next: u64,
    place: Option<Place>,
    missed: u64,
}

/// Where record [`Place::seq`] begins.
#[derive(Debug)]
struct Place {
    file: LogFile,
    first: u64,
    id: FileId,
    offset: u64,
    seq: u64,
}

impl Follow {
    pub(crate) const fn new(dir: PathBuf, shared: Arc<Shared>, after: u64) -> Self {
        Self {
            dir,
            shared,
            next: after.saturating_add(1),
            place: None,
            missed: 0,
        }
    }

    /// The next durable records, at most `most` of them, in the order of the chain; none when all were read.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when a segment cannot be read and [`Corrupt`](ErrorKind::Corrupt) when it does not hold what it
    /// should, once the records before it were given. The place is kept, and the next call tries again.
    pub fn read(&mut self, most: usize) -> Result<Vec<SealedLine>, Error> {
        let durable = self.shared.progress.durable_seq.load(Ordering::Acquire);
        let mut lines = Vec::new();
        while self.next <= durable && lines.len() < most {
            let before = self.next;
            let read = self.read_segment(durable, most, &mut lines);
            if !lines.is_empty() && (read.is_err() || self.next == before) {
                // What was read is given; the next call says what is wrong with the rest.
                break;
            }
            read?;
            if self.next == before {
                let context = format!(
                    "record {} of {} is durable and in none of its segments",
                    self.next,
                    self.dir.display()
                );
                return Err(Error::new(ErrorKind::Corrupt, "follow a log", context));
            }
        }
        Ok(lines)
    }

    /// Goes on behind record `after`, be that ahead or back.
    pub fn seek(&mut self, after: u64) {
        self.next = after.saturating_add(1);
        self.place = None;
    }

    /// The record that the next call begins with.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// How many durable records are yet to be read.
    #[must_use]
    pub fn behind(&self) -> u64 {
        let durable = self.shared.progress.durable_seq.load(Ordering::Acquire);
        (durable + 1).saturating_sub(self.next)
    }

    /// Records that were removed before they were read.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    /// Reads from the segment that the next record is in, up to its end.
    fn read_segment(
        &mut self,
        durable: u64,
        most: usize,
        lines: &mut Vec<SealedLine>,
    ) -> Result<(), Error> {
        let Some(mut place) = self.find()? else {
            return Ok(());
        };
        let path = place.file.path.clone();
        let failed = |error| unreadable(&path, error);
        let file = place.file.open_at(place.offset).map_err(failed)?;
        let mut chunks = Chunks::new(file, place.offset);
        let mut buffer = Vec::new();
        while self.next <= durable && lines.len() < most {
            let (bytes, from) = match chunks.next(buffer).map_err(failed)? {
                Chunk::Lines { bytes, offset } => (bytes, offset),
                Chunk::End { .. } => {
                    // The next record begins another segment.
                    return Ok(());
                }
                Chunk::TooLong { .. } => return Err(self.corrupt(&place, "a line is too long")),
            };
            place.offset = from;
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                if self.next > durable || lines.len() == most {
                    break;
                }
                if place.seq >= self.next {
                    let record = AuditRecord::parse(line)
                        .ok()
                        .filter(|record| record.seq() == place.seq)
                        .ok_or_else(|| {
                            self.corrupt(&place, "a line is not the record it should be")
                        })?;
                    lines.push(record.to_sealed_line());
                    self.next = place.seq + 1;
                }
                place.seq += 1;
                place.offset += line.len() as u64;
            }
            buffer = bytes;
        }
        self.place = Some(place);
        Ok(())
    }

    /// The segment that the next record is in, and where it or a record before it begins there.
    fn find(&mut self) -> Result<Option<Place>, Error> {
        if let Some(place) = self.place.take()
            && place.seq <= self.next
            && place.file.id() == Some(place.id)
            && place.file.len().is_some_and(|len| len > place.offset)
        {
            return Ok(Some(place));
        }
        let files = files_of(&self.dir)?;
        let numbered = |file: LogFile| file.first_seq.map(|first| (first, file));
        let mut files: Vec<_> = files.into_iter().filter_map(numbered).collect();
        let at = files.partition_point(|(first, _)| *first <= self.next);
        let at = if at == 0 {
            // Retention was here first.
            let Some((first, _)) = files.first() else {
                return Ok(None);
            };
            self.missed += first - self.next;
            self.next = *first;
            0
        } else {
            at - 1
        };
        let (first, file) = files.swap_remove(at);
        Ok(file.id().map(|id| Place {
            file,
            first,
            id,
            offset: 0,
            seq: first,
        }))
    }

    fn corrupt(&self, place: &Place, what: &str) -> Error {
        let context = format!(
            "{what}: record {} in {}, of which the first is {}; verify the log",
            place.seq,
            place.file.path.display(),
            place.first
        );
        Error::new(ErrorKind::Corrupt, "follow a log", context)
    }
}
