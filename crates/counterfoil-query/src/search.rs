//! The records that meet a filter.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::vec;

use counterfoil_audit::AuditRecord;

use crate::index::{self, Block, Run, Term};
use crate::lines::{Got, Line, Lines};
use crate::needles::Needles;
use crate::source::record;
use crate::{Error, Filter, Next};

/// Finds the records of a log directory or of a file that meet a [`Filter`], in the order of the log: with the index where
/// there is one, and by scanning what it does not cover.
///
/// It reads and does not judge: hashes and links are not compared, and lines that cannot meet the filter are not taken apart.
/// [`verify`](counterfoil_audit::verify) judges.
#[derive(Debug)]
pub struct Search {
    filter: Filter,
    terms: Vec<Vec<Term>>,
    needles: Needles,
    lines: Lines,
    steps: VecDeque<Step>,
    current: Current,
    damaged: usize,
}

/// What is to be looked through.
#[derive(Debug)]
enum Step {
    /// What a run covers.
    Run(Run),
    Scan {
        from: u64,
        to: u64,
        /// The block that `from` is in, where the index knows it.
        block: Option<Block>,
    },
}

/// What is being looked through.
#[derive(Debug)]
enum Current {
    Nothing,
    /// Every line up to a record; the last step goes on as the log grows.
    Scanning {
        to: u64,
    },
    /// What an index names.
    Picking {
        run: Box<Run>,
        candidates: vec::IntoIter<u32>,
        /// The block that is being read, and the first record behind it.
        block: Option<(Block, u64)>,
    },
}

/// What became of a candidate.
enum Picked {
    Record(Box<AuditRecord>),
    /// It is not what the filter wants, or retention has taken it.
    Passed,
    /// The index names what the log does not have.
    Contradiction,
}

impl Search {
    /// Searches the log directory at `path`, or the one file that it is.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) when `path` cannot be read or is a directory that holds no log.
    pub fn open(path: &Path, filter: Filter) -> Result<Self, Error> {
        let mut damaged = 0;
        let runs = index::open(path, &mut damaged);
        Self::with(path, filter, runs, damaged)
    }

    /// The same without the index: nothing but the log is asked, every line of it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn scan(path: &Path, filter: Filter) -> Result<Self, Error> {
        Self::with(path, filter, Vec::new(), 0)
    }

    fn with(path: &Path, filter: Filter, runs: Vec<Run>, damaged: usize) -> Result<Self, Error> {
        let terms = index::terms_of(&filter);
        Ok(Self {
            needles: Needles::of(&filter),
            lines: Lines::open(path)?,
            steps: plan(&filter, runs, !terms.is_empty()),
            current: Current::Nothing,
            terms,
            filter,
            damaged,
        })
    }

    /// The next record that meets the filter, or what stands in the way. After [`End`](Next::End) and
    /// [`Unfinished`](Next::Unfinished) it may be asked again: what a writer has added meanwhile comes then.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) when the log cannot be read. An index that cannot be read is passed over.
    pub fn read(&mut self) -> Result<Next, Error> {
        loop {
            match &self.current {
                Current::Nothing => {
                    let Some(step) = self.steps.pop_front() else {
                        return Ok(Next::End);
                    };
                    self.begin(step)?;
                }
                Current::Scanning { to } => {
                    let to = *to;
                    if let Some(next) = self.scan_on(to)? {
                        return Ok(next);
                    }
                }
                Current::Picking { .. } => {
                    if let Some(next) = self.pick_on()? {
                        return Ok(next);
                    }
                }
            }
        }
    }

    /// How many runs of the index were passed over because they are damaged or of another history.
    #[must_use]
    pub const fn damaged(&self) -> usize {
        self.damaged
    }

    /// Moves the last number that is asked for, such as to what has become durable since. It only ever grows.
    pub fn extend_to(&mut self, last: u64) {
        self.filter.last = Some(last);
        // The step at the end is never done.
        if let (Some(Step::Scan { to, .. }), _) | (None, Current::Scanning { to }) =
            (self.steps.back_mut(), &mut self.current)
        {
            *to = last.max(*to);
        }
    }

    fn begin(&mut self, step: Step) -> Result<(), Error> {
        match step {
            Step::Scan { from, to, block } => {
                let placed = match block {
                    Some(block) => {
                        self.lines
                            .seek_to(block.segment, block.offset, block.first, from)?
                    }
                    None => false,
                };
                if !placed {
                    self.lines.seek(from)?;
                }
                self.current = Current::Scanning { to };
            }
            Step::Run(run) => match self.look_up(&run) {
                Ok(Some(candidates)) => {
                    self.current = Current::Picking {
                        run: Box::new(run),
                        candidates: candidates.into_iter(),
                        block: None,
                    };
                }
                Ok(None) => {}
                Err(_) => self.fall_back(run.first(), run.last()),
            },
        }
        Ok(())
    }

    /// The candidates of a run; `None` when it knows no term of the filter, and parts of it are scanned.
    fn look_up(&mut self, run: &Run) -> io::Result<Option<Vec<u32>>> {
        if !self.terms.is_empty() {
            return run.candidates(&self.terms).map(Some);
        }
        let scans = in_time(&self.filter, run)?;
        for scan in scans.into_iter().rev() {
            self.steps.push_front(scan);
        }
        Ok(None)
    }

    /// Reads the log itself where the index is of no use.
    fn fall_back(&mut self, from: u64, to: u64) {
        self.damaged += 1;
        self.current = Current::Nothing;
        self.steps.push_front(Step::Scan {
            from: from.max(self.filter.first.unwrap_or(1)),
            to,
            block: None,
        });
    }

    /// Scans on to the next record that matches, or to the end; `None` when the step is done.
    fn scan_on(&mut self, to: u64) -> Result<Option<Next>, Error> {
        let end = to.min(self.filter.last.unwrap_or(u64::MAX));
        loop {
            let line = match self.lines.read()? {
                Got::Line(line) => line,
                Got::Unfinished { place } => return Ok(Some(Next::Unfinished { place })),
                // Nothing is behind this step, or all the other ones would be, too.
                Got::End => return Ok(Some(Next::End)),
            };
            if let Some(seq) = line.seq.filter(|seq| *seq > end) {
                let (segment, offset) = (line.segment(), line.offset);
                self.lines.seek_to(segment, offset, seq, seq)?;
                if seq <= to || self.steps.is_empty() {
                    // It may be extended.
                    return Ok(Some(Next::End));
                }
                self.current = Current::Nothing;
                return Ok(None);
            }
            if self.needles.rule_out(line.bytes) {
                continue;
            }
            match record(line) {
                Next::Record(record) if !self.filter.matches(&record) => {}
                next => return Ok(Some(next)),
            }
        }
    }

    /// The next candidate that is what the filter wants; `None` when the step is done.
    fn pick_on(&mut self) -> Result<Option<Next>, Error> {
        loop {
            let Current::Picking {
                run,
                candidates,
                block,
            } = &mut self.current
            else {
                return Ok(None);
            };
            let Some(candidate) = candidates.as_slice().first() else {
                self.current = Current::Nothing;
                return Ok(None);
            };
            let seq = run.first() + u64::from(*candidate);
            if self.filter.last.is_some_and(|last| seq > last) {
                // It may be extended.
                return Ok(Some(Next::End));
            }
            candidates.next();
            if self.filter.first.is_some_and(|first| seq < first) {
                continue;
            }
            let last = run.last();
            match pick(&mut self.lines, &self.filter, run, block, seq)? {
                Picked::Record(record) => return Ok(Some(Next::Record(record))),
                Picked::Passed => {}
                Picked::Contradiction => self.fall_back(seq, last),
            }
        }
    }
}

/// What to look through in which order.
fn plan(filter: &Filter, runs: Vec<Run>, by_term: bool) -> VecDeque<Step> {
    let mut steps = VecDeque::new();
    let mut next = filter.first.unwrap_or(1).max(1);
    let last = filter.last.unwrap_or(u64::MAX);
    for run in runs {
        if run.last() < next {
            continue;
        }
        if run.first() > last || (run.last() > last && !by_term) {
            // The scan at the end can be extended.
            break;
        }
        if run.first() > next {
            steps.push_back(Step::Scan {
                from: next,
                to: run.first() - 1,
                block: None,
            });
        }
        next = run.last() + 1;
        steps.push_back(Step::Run(run));
    }
    // It waits for more, even where it is empty.
    steps.push_back(Step::Scan {
        from: next,
        to: last,
        block: None,
    });
    steps
}

/// The parts of a run in which something occurred at the time that is asked for.
fn in_time(filter: &Filter, run: &Run) -> io::Result<Vec<Step>> {
    let (first, last) = (
        filter.first.unwrap_or(1).max(run.first()),
        filter.last.unwrap_or(u64::MAX).min(run.last()),
    );
    let mut scans: Vec<Step> = Vec::new();
    if filter.since.is_none() && filter.until.is_none() {
        if let Some((block, _)) = run.block(first)? {
            scans.push(Step::Scan {
                from: first,
                to: last,
                block: Some(block),
            });
        }
        return Ok(scans);
    }
    let mut blocks = run.blocks().peekable();
    while let Some(block) = blocks.next() {
        let block = block?;
        let end = match blocks.peek() {
            Some(Ok(next)) => next.first - 1,
            _ => run.last(),
        };
        let (from, to) = (block.first.max(first), end.min(last));
        if from > to || !overlaps(filter, block.times) {
            continue;
        }
        match scans.last_mut() {
            Some(Step::Scan { to: before, .. }) if *before + 1 == from => *before = to,
            _ => scans.push(Step::Scan {
                from,
                to,
                block: Some(block),
            }),
        }
    }
    Ok(scans)
}

fn overlaps(
    filter: &Filter,
    (earliest, latest): (counterfoil_core::Timestamp, counterfoil_core::Timestamp),
) -> bool {
    filter.since.is_none_or(|since| latest >= since)
        && filter.until.is_none_or(|until| earliest <= until)
}

/// Reads a candidate from the log.
fn pick(
    lines: &mut Lines,
    filter: &Filter,
    run: &Run,
    current: &mut Option<(Block, u64)>,
    seq: u64,
) -> Result<Picked, Error> {
    let block = match *current {
        Some((block, end)) if seq < end => block,
        _ => {
            let Ok(Some((block, end))) = run.block(seq) else {
                return Ok(Picked::Contradiction);
            };
            if overlaps(filter, block.times)
                && !lines.seek_to(block.segment, block.offset, block.first, block.first)?
            {
                // Retention takes whole segments, the oldest first.
                let gone = lines.first()?.is_none_or(|first| first > seq);
                return Ok(if gone {
                    Picked::Passed
                } else {
                    Picked::Contradiction
                });
            }
            *current = Some((block, end));
            block
        }
    };
    if !overlaps(filter, block.times) {
        return Ok(Picked::Passed);
    }
    loop {
        let Got::Line(line) = lines.read()? else {
            return Ok(Picked::Contradiction);
        };
        match line.seq {
            Some(number) if number < seq => {}
            Some(number) if number == seq => return Ok(compare(line, filter, seq)),
            _ => return Ok(Picked::Contradiction),
        }
    }
}

fn compare(line: Line<'_>, filter: &Filter, seq: u64) -> Picked {
    match record(line) {
        Next::Record(record) if record.seq() != seq => Picked::Contradiction,
        Next::Record(record) if filter.matches(&record) => Picked::Record(record),
        Next::Record(_) => Picked::Passed,
        _ => Picked::Contradiction,
    }
}
