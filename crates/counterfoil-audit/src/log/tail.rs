//! Reading a log that another process writes, no further than what a power failure would leave.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::body::view::BodyReader;
use crate::line::{LineView, MAX_LINE};
use crate::source::{FileId, LogFile, files_of, read_text, unreadable};
use crate::verify::heads::ReadCheckpoint;
use crate::{Error, ErrorKind};

/// Longest checkpoint that is read.
const MAX_CHECKPOINT: u64 = 64 << 10;

/// A place in the log directory of another process that moves on with it: for whoever takes its lines elsewhere.
///
/// What the writer has synced cannot be known from outside, and lines that a crash takes back must not be passed on: their numbers
/// would be given to other records. So the tail syncs a segment, and its entry in the directory, itself before it gives lines of
/// it. It follows segments as they rotate, are pruned, and are replaced after a failed sync, and it does not verify; whoever receives the
/// lines does.
///
/// A tail is begun again after a restart with the number of the last record that was passed on.
///
/// ```
/// use std::time::Duration;
/// use counterfoil_audit::{AuditLog, LogTail};
///
/// # let directory = tempfile::tempdir()?;
/// let path = directory.path().join("audit");
/// let log = AuditLog::builder(&path, "audit.example.com/leases").open()?;
/// log.close(Duration::from_secs(10));
/// let mut tail = LogTail::new(path, 0);
/// let read = tail.read(1 << 20)?;
/// assert_eq!((read.first, tail.next()), (1, read.records + 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LogTail {
    dir: PathBuf,
    next: u64,
    place: Option<Place>,
    missed: u64,
}

/// Lines of a tail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tailed {
    /// Number of the first record.
    pub first: u64,
    /// How many there are; 0 when nothing new is there yet.
    pub records: u64,
    /// Their lines, each with its line feed.
    pub lines: Vec<u8>,
}

/// A segment that is held open, so that a sync that fails in the writer is reported here as well.
#[derive(Debug)]
struct Place {
    file: LogFile,
    held: File,
    id: FileId,
    /// Whether the records before the next one are in it.
    reaches: bool,
    /// Where the next record begins.
    offset: u64,
    /// How much of the file is known to be on stable storage.
    synced: u64,
}

impl LogTail {
    /// Reads the log in `dir` behind record `after`; 0 for the first. The directory may come into being later.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, after: u64) -> Self {
        Self {
            dir: dir.into(),
            next: after.saturating_add(1),
            place: None,
            missed: 0,
        }
    }

    /// The next lines, at most `most` bytes of them, or [`MAX_LINE`](crate::MAX_LINE) where that is more; all of them durable.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when a segment cannot be read or synced, [`Corrupt`](ErrorKind::Corrupt) when it does not hold the
    /// record that it should, and [`Missing`](ErrorKind::Missing) when the log ends before a record that was passed on. The next call tries
    /// again.
    pub fn read(&mut self, most: usize) -> Result<Tailed, Error> {
        let read = self.read_on(most.max(MAX_LINE));
        if read.is_err() {
            // What is held may be what went wrong.
            self.place = None;
        }
        read
    }

    /// The record that the next call begins with.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Records that retention removed before they were read.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    /// The signed note that the log's writer published last, and how many records it is over; `None` where there is none that can be
    /// read. It may be over more records than were read yet.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when it is there and cannot be read.
    pub fn checkpoint(&self) -> Result<Option<(u64, String)>, Error> {
        let path = self.dir.join("checkpoint");
        let text = match read_text(&path, MAX_CHECKPOINT) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&path, error)),
        };
        let read = ReadCheckpoint::parse(&text).ok();
        Ok(read.map(|read| (read.checkpoint.size(), text)))
    }

    fn read_on(&mut self, most: usize) -> Result<Tailed, Error> {
        // A segment that was read to its end is followed by another one, or by nothing.
        for _ in 0..2 {
            let Some(mut place) = self.find()? else {
                return Ok(Tailed::default());
            };
            let path = place.file.path.clone();
            let lines = place
                .lines(most)
                .map_err(|error| unreadable(&path, error))?;
            if !lines.is_empty() {
                self.require_next(&lines, &path)?;
                if !place.is_in_place() {
                    // The writer put another file there in the meantime, which holds the same lines and perhaps more.
                    continue;
                }
                place.offset += lines.len() as u64;
                let tailed = Tailed {
                    first: self.next,
                    records: memchr::memchr_iter(b'\n', &lines).count() as u64,
                    lines,
                };
                self.next += tailed.records;
                self.place = Some(place);
                return Ok(tailed);
            }
            // Nothing can follow a segment that the next record begins.
            if place.file.first_seq == Some(self.next) || !self.is_followed()? {
                self.place = Some(place);
                return Ok(Tailed::default());
            }
        }
        Ok(Tailed::default())
    }

    /// Whether the next record begins a segment of its own.
    fn is_followed(&self) -> Result<bool, Error> {
        let files = self.files()?;
        Ok(files.iter().any(|file| file.first_seq == Some(self.next)))
    }

    /// The segments; none where there is no log yet.
    fn files(&self) -> Result<Vec<LogFile>, Error> {
        if self.dir.join("segments").is_dir() {
            files_of(&self.dir)
        } else {
            Ok(Vec::new())
        }
    }

    /// The segment that the next record is in, and where it begins there.
    fn find(&mut self) -> Result<Option<Place>, Error> {
        if let Some(place) = self.place.take_if(|place| place.is_in_place()) {
            return Ok(Some(place));
        }
        let files = self.files()?;
        let numbered = |file: &LogFile| file.first_seq.unwrap_or(0);
        let at = files.partition_point(|file| numbered(file) <= self.next);
        if at == 0 {
            // Retention was here first.
            let Some(first) = files.first().map(numbered) else {
                return Ok(None);
            };
            self.missed += first - self.next;
            self.next = first;
        }
        let Some(file) = files.into_iter().nth(at.saturating_sub(1)) else {
            return Ok(None);
        };
        let path = file.path.clone();
        let opened = Place::open(file, self.next).map_err(|error| unreadable(&path, error))?;
        match opened {
            Some(place) if place.reaches => Ok(Some(place)),
            Some(_) => {
                let context = format!(
                    "the log in {} ends before record {}, which was passed on: it is another log now, or an older copy",
                    self.dir.display(),
                    self.next - 1
                );
                Err(Error::new(ErrorKind::Missing, "follow a log", context))
            }
            None => Ok(None),
        }
    }

    fn require_next(&self, lines: &[u8], path: &Path) -> Result<(), Error> {
        let line = lines.split_inclusive(|byte| *byte == b'\n').next();
        let view = line.and_then(|line| LineView::parse(line).ok());
        let chain = view.and_then(|view| BodyReader::default().read_chain(view.body).ok());
        if chain.is_some_and(|chain| chain.seq == self.next) {
            return Ok(());
        }
        let context = format!(
            "{} does not hold record {} where it should; verify the log",
            path.display(),
            self.next
        );
        Err(Error::new(ErrorKind::Corrupt, "follow a log", context))
    }
}

impl Place {
    /// Opens a segment, whose name is durable then, at record `next`. `None` where it is gone by now.
    fn open(file: LogFile, next: u64) -> io::Result<Option<Self>> {
        let (first, held) = match (file.first_seq, file.open()) {
            (Some(first), Ok(held)) => (first, held),
            (_, Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => return Ok(None),
        };
        if let Some(folder) = file.path.parent() {
            File::open(folder)?.sync_data()?;
        }
        let Some(id) = file.id() else {
            return Ok(None);
        };
        let mut place = Self {
            file,
            held,
            id,
            offset: 0,
            synced: 0,
            reaches: false,
        };
        place.reaches = place.skip(next - first)?;
        Ok(Some(place))
    }

    /// Passes over so many lines; whether they were there.
    fn skip(&mut self, mut lines: u64) -> io::Result<bool> {
        let mut buffer = vec![0; 1 << 18];
        while lines > 0 {
            let read = read_at(&self.held, &mut buffer, self.offset)?;
            let ends = memchr::memchr_iter(b'\n', &buffer[..read]).take(lines as usize);
            let (mut passed, mut end) = (0, 0);
            for at in ends {
                passed += 1;
                end = at + 1;
            }
            if passed == 0 && (read < buffer.len()) {
                return Ok(false);
            }
            lines -= passed;
            self.offset += end as u64;
            if passed == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a line is longer than any record",
                ));
            }
        }
        Ok(true)
    }

    /// The whole lines from here on, at most `most` bytes of them, which are on stable storage when this returns.
    fn lines(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let there = self.held.metadata()?.len().saturating_sub(self.offset);
        let mut lines = vec![0; usize::try_from(there).unwrap_or(most).min(most)];
        let read = read_at(&self.held, &mut lines, self.offset)?;
        lines.truncate(read);
        let end = memchr::memrchr(b'\n', &lines).map_or(0, |at| at + 1);
        if end == 0 && lines.len() >= MAX_LINE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a line is longer than any record",
            ));
        }
        lines.truncate(end);
        if self.offset + end as u64 > self.synced {
            // Whatever was written before the sync is covered by it.
            let len = self.held.metadata()?.len();
            self.held.sync_data()?;
            self.synced = len;
        }
        Ok(lines)
    }

    /// Whether the file that is held is still the one under its name.
    fn is_in_place(&self) -> bool {
        self.file.id() == Some(self.id)
    }
}

/// Reads until the buffer is full or the file ends.
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match file.read_at(&mut buffer[len..], offset + len as u64) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}
