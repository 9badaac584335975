//! Erasable values: whether each commitment has its opening, or an `erased` record (audit specification §9).
//!
//! Openings lie in the order of their records, so both are gone through side by side, in constant memory but for a small entry
//! per value whose opening is gone.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::reason::Reason;
use super::report::Erasables;
use crate::Erased;
use crate::body::pointer::Commitment;
use crate::erasure::Opening;
use crate::log::openings::{FOLDER, first_of, read_line};
use crate::source::open_regular;

/// Longest line of an opening: its value, its pointer, and what stands around and behind them.
const MAX_LINE: u64 = 68_000;

/// What is wrong, and at which record.
#[derive(Debug)]
pub(crate) struct ErasureFault {
    pub(crate) reason: Reason,
    pub(crate) position: u64,
    pub(crate) detail: String,
}

/// Goes through the openings of a log beside its records.
#[derive(Debug, Default)]
pub(crate) struct Erasure {
    openings: Option<OpeningsReader>,
    found: Erasables,
    /// Places whose opening is not there; `erased` records come later and take out those that they name.
    gone: BTreeSet<(u64, String)>,
}

impl Erasure {
    /// Reads the openings of the log in `log` too, if they are there.
    pub(crate) fn look_into(&mut self, log: &Path) {
        let folder = log.join(FOLDER);
        if folder.is_dir() {
            self.found.openings_present = true;
            self.openings = Some(OpeningsReader::new(folder));
        }
    }

    /// Record `seq` of `chain`, which holds these commitments.
    pub(crate) fn record(
        &mut self,
        chain: &str,
        seq: u64,
        commitments: &[Commitment],
    ) -> Vec<ErasureFault> {
        self.found.commitments += commitments.len() as u64;
        let Some(reader) = &mut self.openings else {
            return Vec::new();
        };
        let mut faults = Vec::new();
        while let Some(before) = reader.next_up_to(seq - 1) {
            faults.push(foreign(&before));
        }
        let mut waiting: Vec<&Commitment> = commitments.iter().collect();
        while let Some(opening) = reader.next_up_to(seq) {
            let place = commitments
                .iter()
                .find(|commitment| commitment.pointer == opening.pointer);
            match place {
                None => faults.push(foreign(&opening)),
                Some(commitment) if opening.commitment(chain) == commitment.digest => {
                    waiting.retain(|waiting| waiting.pointer != opening.pointer);
                    self.found.opened += 1;
                }
                Some(commitment) => {
                    waiting.retain(|waiting| waiting.pointer != opening.pointer);
                    faults.push(ErasureFault {
                        reason: Reason::Hash,
                        position: seq,
                        detail: format!(
                            "the opening of {} makes the commitment {}, and the record holds {}",
                            opening.pointer,
                            opening.commitment(chain),
                            commitment.digest
                        ),
                    });
                }
            }
        }
        let gone = waiting.iter().map(|it| (seq, it.pointer.clone()));
        self.gone.extend(gone);
        faults
    }

    /// An `erased` record.
    pub(crate) fn erased(&mut self, erased: &Erased) {
        if self.openings.is_none() {
            return;
        }
        for item in &erased.items {
            if self.gone.remove(&(item.seq, item.pointer.clone())) {
                self.found.erased += 1;
            }
        }
    }

    /// Records before `next` are not there, and their openings are not judged.
    pub(crate) fn skip_to(&mut self, next: u64) {
        if let Some(reader) = &mut self.openings {
            while reader.next_up_to(next - 1).is_some() {}
        }
    }

    /// Whether records hold erasable values.
    pub(crate) const fn saw_any(&self) -> bool {
        self.found.commitments > 0
    }

    /// The end of the log, whose last record is `last`. Openings above it are of records that are about to come.
    pub(crate) fn finish(mut self, last: u64) -> (Option<Erasables>, Vec<ErasureFault>) {
        let mut faults = Vec::new();
        if let Some(reader) = &mut self.openings {
            while let Some(opening) = reader.next_up_to(last) {
                faults.push(foreign(&opening));
            }
            if let Some(error) = reader.failure.take() {
                faults.push(ErasureFault {
                    reason: Reason::Unreadable,
                    position: last,
                    detail: format!("{} cannot be read: {error}", reader.folder.display()),
                });
            }
        }
        self.found.missing = self.gone.len() as u64;
        faults.extend(
            self.gone
                .into_iter()
                .map(|(position, pointer)| ErasureFault {
                    reason: Reason::Absent,
                    position,
                    detail: format!(
                        "the opening of {pointer} is absent, and no erased record names it"
                    ),
                }),
        );
        ((self.found.commitments > 0).then_some(self.found), faults)
    }
}

fn foreign(opening: &Opening) -> ErasureFault {
    ErasureFault {
        reason: Reason::Hash,
        position: opening.seq,
        detail: format!(
            "there is an opening of {}, and the record holds no commitment there",
            opening.pointer
        ),
    }
}

/// Reads openings in order, while a writer may add some.
#[derive(Debug)]
struct OpeningsReader {
    folder: PathBuf,
    /// The file at hand, by its first record.
    current: Option<(u64, BufReader<File>)>,
    /// A line that has no end yet.
    line: Vec<u8>,
    /// Read and not asked for yet.
    peeked: Option<Opening>,
    failure: Option<io::Error>,
}

impl OpeningsReader {
    const fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            current: None,
            line: Vec::new(),
            peeked: None,
            failure: None,
        }
    }

    /// The next opening, if it is of record `seq` or of one before.
    fn next_up_to(&mut self, seq: u64) -> Option<Opening> {
        if self.peeked.is_none() {
            self.peeked = self.read().unwrap_or_else(|error| {
                // Nothing more is read, so that one failure is told once.
                self.current = None;
                self.failure = Some(error);
                None
            });
        }
        self.peeked.take_if(|opening| opening.seq <= seq)
    }

    /// The next opening that can be read; destroyed ones and unfinished lines are passed over.
    fn read(&mut self) -> io::Result<Option<Opening>> {
        if self.failure.is_some() {
            return Ok(None);
        }
        loop {
            if let Some((_, file)) = &mut self.current {
                let room = MAX_LINE.saturating_sub(self.line.len() as u64);
                let read = file.take(room).read_until(b'\n', &mut self.line)?;
                if read > 0 {
                    let whole = self.line.ends_with(b"\n");
                    if whole || self.line.len() as u64 >= MAX_LINE {
                        let opening = read_line(&self.line);
                        self.line.clear();
                        if opening.is_some() {
                            return Ok(opening);
                        }
                    }
                    continue;
                }
            }
            if !self.next_file()? {
                return Ok(None);
            }
        }
    }

    /// Goes on to the next file. A writer leaves a file when it begins the next one, so this one has said everything then.
    fn next_file(&mut self) -> io::Result<bool> {
        let at = self.current.as_ref().map_or(0, |(first, _)| *first);
        let mut next: Option<(u64, PathBuf)> = None;
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if let Some(first) = name.and_then(first_of)
                && first > at
                && next.as_ref().is_none_or(|(before, _)| first < *before)
            {
                next = Some((first, path));
            }
        }
        let Some((first, path)) = next else {
            return Ok(false);
        };
        self.line.clear();
        self.current = Some((first, BufReader::new(open_regular(&path)?)));
        Ok(true)
    }
}
