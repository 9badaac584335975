//! Keeping the index up to its log.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use counterfoil_audit::{Header, HeaderReader};

use super::run::{Block, Footer, Run};
use super::table::Table;
use super::writer::Writer;
use super::{Name, folder, merge, names, term};
use crate::lines::{Got, Lines, segments};
use crate::{Error, ErrorKind};

/// Records of a block: so many lines are read at most to find one.
const PER_BLOCK: u64 = 64;
/// Records that are sorted in memory at once, some 30 MB.
const AT_ONCE: u64 = 1 << 18;
/// Runs of this many records and fewer are of one size.
const SMALLEST: u64 = 1 << 12;
/// Runs of one size that lie side by side before they become one.
const FAN_IN: usize = 8;
/// No run has more records, so that what one search holds of it in memory is bounded.
const LARGEST: u64 = 1 << 22;

/// Adds to the index of one log, and merges and removes runs. One at a time holds a log's index; whoever searches needs
/// no leave of it.
///
/// ```
/// use std::time::Duration;
/// use counterfoil_audit::AuditLog;
/// use counterfoil_query::index::Indexer;
///
/// # let directory = tempfile::tempdir()?;
/// let log = AuditLog::builder(directory.path().join("audit"), "audit.example.com/leases").open()?;
/// log.close(Duration::from_secs(10));
/// let mut indexer = Indexer::open(&directory.path().join("audit"))?;
/// let indexed = indexer.update(u64::MAX, 1)?;
/// assert_eq!(indexed.up_to, indexed.added);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Indexer {
    log: PathBuf,
    folder: PathBuf,
    /// Held as long as this lives.
    _lock: File,
    runs: Vec<Name>,
    /// The end of the last run.
    end: Option<Footer>,
    lines: Lines,
}

/// What a call to [`Indexer::update`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Indexed {
    /// Records that were added.
    pub added: u64,
    /// The last record that the index covers; 0 when it covers none.
    pub up_to: u64,
    /// Runs that it consists of.
    pub runs: usize,
}

impl Indexer {
    /// Takes the index of the log in `log`, and removes from it what is damaged or of another history.
    ///
    /// # Errors
    /// [`Busy`](ErrorKind::Busy) when another one holds it, [`Io`](ErrorKind::Io) when there is no log or it cannot be written
    /// beside it.
    pub fn open(log: &Path) -> Result<Self, Error> {
        let lines = Lines::open(log)?;
        // A file has no place beside it for an index.
        segments(log)?;
        let folder = folder(log);
        fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
        let lock = lock(&folder.join("lock"))?;
        let mut indexer = Self {
            log: log.to_owned(),
            _lock: lock,
            runs: Vec::new(),
            end: None,
            lines,
            folder,
        };
        indexer.tidy()?;
        Ok(indexer)
    }

    /// Removes the whole index, to be built anew.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when it cannot be removed.
    pub fn clear(&mut self) -> Result<(), Error> {
        for name in std::mem::take(&mut self.runs) {
            let path = name.path(&self.folder);
            fs::remove_file(&path).map_err(|error| failed(&path, error))?;
        }
        self.tidy()
    }

    /// Adds the records behind those that it covers up to record `durable`, if there are `at_least` so many (and with 1, the
    /// rest as well). The caller says what is durable; `u64::MAX` takes whatever the log holds. A malformed line ends it before
    /// that line: a search finds it by scanning, and says so.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when the log cannot be read or a run cannot be written. The index is as it was then.
    pub fn update(&mut self, durable: u64, at_least: u64) -> Result<Indexed, Error> {
        let mut added = 0;
        loop {
            let next = self.next()?;
            if durable.saturating_sub(next).saturating_add(1) < at_least.max(1) {
                break;
            }
            let taken = self.add(next, durable, at_least)?;
            added += taken;
            if taken < AT_ONCE {
                break;
            }
        }
        Ok(Indexed {
            added,
            up_to: self.runs.last().map_or(0, |run| run.last),
            runs: self.runs.len(),
        })
    }

    /// Removes the runs whose records are all gone, as retention wants it.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when the log cannot be listed or a run cannot be removed.
    pub fn prune(&mut self) -> Result<(), Error> {
        let first = self.lines.first()?;
        while let (Some(first), Some(run)) = (first, self.runs.first())
            && run.last < first
        {
            let path = run.path(&self.folder);
            fs::remove_file(&path).map_err(|error| failed(&path, error))?;
            self.runs.remove(0);
        }
        Ok(())
    }

    /// The first record that is not covered and is there.
    fn next(&self) -> Result<u64, Error> {
        let first = self.lines.first()?;
        let behind = self.runs.last().map_or(1, |run| run.last + 1);
        Ok(behind.max(first.unwrap_or(1)))
    }

    /// Adds one run from record `next` on, and says of how many records.
    fn add(&mut self, next: u64, durable: u64, at_least: u64) -> Result<u64, Error> {
        let mut batch = Batch::new(next);
        let mut headers = HeaderReader::default();
        match self.end.filter(|end| end.last + 1 == next) {
            // Behind the last line that was taken.
            Some(end)
                if self
                    .lines
                    .seek_to(end.segment, end.offset, end.last, next)? => {}
            _ => self.lines.seek(next)?,
        }
        while batch.len() < AT_ONCE && next + batch.len() <= durable {
            let Got::Line(line) = self.lines.read()? else {
                break;
            };
            let seq = next + batch.len();
            let Ok(header) = headers.read(line.bytes) else {
                break;
            };
            if header.seq != seq || line.seq != Some(seq) {
                break;
            }
            batch.take(&header, line.segment(), line.offset);
        }
        let added = batch.len();
        let Some(last) = batch.last.filter(|_| added >= at_least.max(1)) else {
            return Ok(0);
        };
        let name = Name {
            first: next,
            last: last.last,
        };
        self.publish(&name, |file| batch.write(file, last))?;
        self.runs.push(name);
        self.end = Some(last);
        self.merge()?;
        Ok(added)
    }

    /// Merges what has become so many of a size.
    fn merge(&mut self) -> Result<(), Error> {
        while let Some(from) = mergeable(&self.runs) {
            let (first, last) = (self.runs[from].first, self.runs[self.runs.len() - 1].last);
            let name = Name { first, last };
            let opened: Result<Vec<_>, _> = self.runs[from..]
                .iter()
                .map(|name| Run::open(&self.log, &name.path(&self.folder), name))
                .collect();
            let Ok(opened) = opened else {
                // Retention may be at work, or somebody else; what is wrong goes, and is built again.
                return self.tidy();
            };
            self.publish(&name, |file| merge::merge(&opened, file))?;
            for run in opened {
                // Should it stay, the wider one still comes first.
                let _stays = fs::remove_file(&run.path);
            }
            self.runs.truncate(from);
            self.runs.push(name);
        }
        Ok(())
    }

    /// Writes a run aside and puts it in its place.
    fn publish(
        &self,
        name: &Name,
        write: impl FnOnce(File) -> io::Result<()>,
    ) -> Result<(), Error> {
        let (aside, path) = (self.folder.join("new.tmp"), name.path(&self.folder));
        let written = File::create(&aside)
            .and_then(write)
            .and_then(|()| fs::rename(&aside, &path));
        // Not synchronised: what a power failure tears, its sums tell.
        written.map_err(|error| failed(&path, error))
    }

    /// Lists the runs that hold, and removes everything else.
    fn tidy(&mut self) -> Result<(), Error> {
        (self.runs, self.end) = (Vec::new(), None);
        let mut end = 0;
        for name in names(&self.folder) {
            let path = name.path(&self.folder);
            let opened = Run::open(&self.log, &path, &name);
            // Runs lie side by side from the first on; what is behind a gap is built anew.
            let beside = end == 0 || name.first == end + 1;
            match opened {
                Ok(run) if beside => {
                    end = name.last;
                    self.end = Some(run.footer);
                    self.runs.push(name);
                }
                // What is not listed is removed below.
                _ => {}
            }
        }
        let entries = fs::read_dir(&self.folder).map_err(|error| failed(&self.folder, error))?;
        for entry in entries.flatten() {
            let path = entry.path();
            let ours = path
                .extension()
                .is_some_and(|end| end == "run" || end == "tmp");
            if ours && !self.runs.iter().any(|run| run.path(&self.folder) == path) {
                fs::remove_file(&path).map_err(|error| failed(&path, error))?;
            }
        }
        Ok(())
    }
}

/// From which run on the last ones should be merged. It leaves fewer than [`FAN_IN`] runs of each smaller size, and any other two
/// neighbours are too many records for one run.
fn mergeable(runs: &[Name]) -> Option<usize> {
    let size = |run: &Name| {
        (run.len() / SMALLEST)
            .checked_ilog(FAN_IN as u64)
            .unwrap_or(0)
    };
    let last = size(runs.last()?);
    let alike = runs.iter().rev().take_while(|run| size(run) <= last);
    let mut total = 0;
    let fitting = alike.clone().take_while(|run| {
        total += run.len();
        total <= LARGEST
    });
    let count = fitting.count();
    let from = runs.len() - count;
    let is_full = count < alike.count();
    // Small ones before a large one would stay for ever, and so would those before what fills a run.
    let due = is_full || count >= FAN_IN || runs[from..].iter().any(|run| size(run) < last);
    (count > 1 && due).then_some(from)
}

/// Records on their way into a run.
struct Batch {
    first: u64,
    entries: Vec<(u64, u32)>,
    blocks: Vec<Block>,
    last: Option<Footer>,
}

impl Batch {
    fn new(first: u64) -> Self {
        Self {
            first,
            entries: Vec::new(),
            blocks: Vec::new(),
            last: None,
        }
    }

    fn len(&self) -> u64 {
        self.last.map_or(0, |last| last.last - self.first + 1)
    }

    fn take(&mut self, header: &Header<'_>, segment: u64, offset: u64) {
        let (seq, time) = (header.seq, header.occurred);
        // Fits: a batch has at most AT_ONCE records.
        let at = (seq - self.first) as u32;
        self.entries
            .extend(term::of(header).map(|term| (term.0, at)));
        match self.blocks.last_mut() {
            Some(block) if block.segment == segment && seq - block.first < PER_BLOCK => {
                block.times = (block.times.0.min(time), block.times.1.max(time));
            }
            _ => self.blocks.push(Block {
                first: seq,
                segment,
                offset,
                times: (time, time),
            }),
        }
        self.last = Some(Footer {
            first: self.first,
            last: seq,
            hash: header.hash,
            segment,
            offset,
            fences: Table::default(),
            blocks: Table::default(),
        });
    }

    fn write(mut self, file: File, footer: Footer) -> io::Result<()> {
        self.entries.sort_unstable();
        let mut writer = Writer::new(file);
        for group in self.entries.chunk_by(|one, other| one.0 == other.0) {
            writer.term(group[0].0, group.iter().map(|(_, record)| *record))?;
        }
        writer.finish(&self.blocks, footer)
    }
}

fn lock(path: &Path) -> Result<File, Error> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| failed(path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(failed(path, error)),
        Err(TryLockError::WouldBlock) => Err(Error::new(
            ErrorKind::Busy,
            "index",
            format!(
                "the log: another process holds {}; a collector keeps the index of its logs itself",
                path.display()
            ),
        )),
    }
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::new(
        ErrorKind::Io,
        "index",
        format!(
            "the log: {}: {error}; the log itself is untouched, and the index can be removed",
            path.display()
        ),
    )
    .with_source(error)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A collector adds what has come since, and up to `AT_ONCE` at a time when it is behind.
        #[test]
        fn however_records_come_a_run_has_two_million_of_them_but_for_a_few(
            most in prop::sample::select(vec![1 << 10, 1 << 14, AT_ONCE]),
            lens in prop::collection::vec(0.001..1.0_f64, 2_000),
        ) {
            let (mut runs, mut next, mut merged) = (Vec::new(), 1, 0);
            for len in lens {
                let last = next + (most as f64 * len) as u64;
                runs.push(Name { first: next, last });
                next = last + 1;
                while let Some(from) = mergeable(&runs) {
                    let name = Name { first: runs[from].first, last };
                    prop_assert!(name.len() <= LARGEST);
                    merged += name.len();
                    runs.truncate(from);
                    runs.push(name);
                }
                prop_assert!((runs.len() as u64) < next / (LARGEST / 2) + 4 * FAN_IN as u64);
            }
            // A record is copied once for each size, and sometimes within one.
            prop_assert!(merged < 8 * next, "{merged} of {next}");
        }
    }
}
