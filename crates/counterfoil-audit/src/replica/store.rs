//! The segments of a replica: what waits in memory, and how it becomes durable.
//!
//! Lines wait in memory until a sync writes them, so that offering costs no call of the system, and so that what a failed sync
//! leaves in doubt can be written again, byte for byte.

use std::collections::VecDeque;
use std::io;

use counterfoil_core::{Digest, Timestamp};

use super::time_of;
use crate::log::files::write_all;
use crate::log::pruning::SegmentEnd;
use crate::log::segment::{BUNDLE, Segment, SegmentDir};
use crate::verify::batch::Line;

#[derive(Debug)]
pub(super) struct Store {
    pub(super) dir: SegmentDir,
    segment: Segment,
    /// Its sync or a write to it failed: what of it is on stable storage beyond the durable length is unknown.
    poisoned: bool,
    /// The last sync failed, so more should not be taken.
    stuck: bool,
    /// Lines that are not durable, and where in them segments begin.
    waiting: Vec<u8>,
    cuts: VecDeque<Cut>,
    /// Bytes of the segment that the next line belongs to.
    filled: u64,
    /// Number of the last record that is durable.
    durable: u64,
    /// The last record taken: number, hash, time.
    last: (u64, Digest, Timestamp),
    ended: Vec<SegmentEnd>,
    limit: u64,
}

/// A segment ends and the next begins.
#[derive(Debug)]
struct Cut {
    /// Where in what waits.
    at: usize,
    end: SegmentEnd,
}

impl Store {
    /// Goes on in `segment`, of which everything is durable, behind this record.
    pub(super) fn new(
        dir: SegmentDir,
        segment: Segment,
        last: (u64, Digest, Timestamp),
        limit: u64,
    ) -> Self {
        Self {
            dir,
            filled: segment.durable_len(),
            segment,
            poisoned: false,
            stuck: false,
            waiting: Vec::new(),
            cuts: VecDeque::new(),
            durable: last.0,
            last,
            ended: Vec::new(),
            limit,
        }
    }

    /// Number of the last record that is durable.
    pub(super) const fn durable(&self) -> u64 {
        self.durable
    }

    /// Bytes that are not durable.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether the last sync failed.
    pub(super) const fn is_stuck(&self) -> bool {
        self.stuck
    }

    /// Bytes of the segments that have not ended durably, with what waits.
    pub(super) fn bytes(&self) -> u64 {
        self.segment.durable_len() + self.waiting.len() as u64
    }

    /// The segment that is appended to: its first record, and its durable bytes.
    pub(super) fn place(&self) -> (u64, u64) {
        (self.segment.first, self.segment.durable_len())
    }

    /// What waits.
    pub(super) fn waiting_lines(&self) -> &[u8] {
        &self.waiting
    }

    /// Whole segments that became durable since this was asked last.
    pub(super) fn take_ended(&mut self) -> Vec<SegmentEnd> {
        std::mem::take(&mut self.ended)
    }

    /// Takes lines that fit; `root_at` knows the roots behind each of them.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        lines: &[Line],
        root_at: impl Fn(u64) -> Option<Digest>,
    ) {
        let (mut from, mut to) = (0, 0);
        let mut before: Option<&Line> = None;
        for line in lines {
            if self.filled >= self.limit && self.last.0.is_multiple_of(BUNDLE) {
                self.waiting.extend_from_slice(&bytes[from..to]);
                from = to;
                self.note_time(before, bytes);
                self.cut(root_at(self.last.0).unwrap_or_default());
            }
            to = line.end();
            self.filled += (line.end() - line.at()) as u64;
            self.last.0 += 1;
            self.last.1 = line.hash().unwrap_or_default();
            before = Some(line);
        }
        self.waiting.extend_from_slice(&bytes[from..to]);
        self.note_time(before, bytes);
    }

    fn note_time(&mut self, line: Option<&Line>, bytes: &[u8]) {
        if let Some(time) = line.and_then(|line| time_of(line, bytes)) {
            self.last.2 = time;
        }
    }

    fn cut(&mut self, root: Digest) {
        let (last, hash, time) = self.last;
        let first = self
            .cuts
            .back()
            .map_or(self.segment.first, |cut| cut.end.last + 1);
        let end = SegmentEnd {
            first,
            last,
            bytes: self.filled,
            time,
            hash,
            root,
        };
        let at = self.waiting.len();
        self.cuts.push_back(Cut { at, end });
        self.filled = 0;
    }

    /// Makes everything that waits durable, segment by segment.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        let outcome = self.sync_all();
        self.stuck = outcome.is_err();
        outcome
    }

    fn sync_all(&mut self) -> io::Result<()> {
        while let Some(cut) = self.cuts.front() {
            let (at, end) = (cut.at, cut.end);
            self.sync_first(at)?;
            self.durable = end.last;
            let next = self.dir.create(end.last + 1)?;
            self.ended.push(end);
            self.cuts.pop_front();
            self.segment = next;
        }
        self.sync_first(self.waiting.len())?;
        self.durable = self.last.0;
        Ok(())
    }

    /// Makes the first `len` bytes that wait durable in the segment at hand.
    fn sync_first(&mut self, len: usize) -> io::Result<()> {
        if !self.poisoned && len > 0 {
            self.poisoned = self.append(len).is_err();
            if !self.poisoned {
                self.segment.grew_durable(len as u64);
            }
        }
        if self.poisoned {
            self.renew(len)?;
            self.poisoned = false;
        }
        self.waiting.drain(..len);
        for cut in &mut self.cuts {
            cut.at -= len;
        }
        Ok(())
    }

    fn append(&self, len: usize) -> io::Result<()> {
        write_all(&*self.segment.file, &self.waiting[..len])?;
        self.segment.file.sync()?;
        // What was synced has to be what the next opening finds.
        match self.segment.file.is_in_place()? {
            true => Ok(()),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Writes the segment again: what of it is durable, and behind it what waits.
    fn renew(&mut self, len: usize) -> io::Result<()> {
        let durable = self.segment.file.read_first(self.segment.durable_len())?;
        let parts = [&durable[..], &self.waiting[..len]];
        self.segment = self.dir.replace(self.segment.first, &parts)?;
        Ok(())
    }
}
