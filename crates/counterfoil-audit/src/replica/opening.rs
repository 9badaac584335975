//! Opening a replica: lock, state, recovery of a torn tail.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil_core::{ChainId, Digest, Timestamp};
use counterfoil_merkle::tile::TileBuilder;

use super::state::{STATE, Saved};
use super::store::Store;
use super::{Replica, ReplicaOptions, failed, time_of};
use crate::intake::{Intake, MAX_CHAIN_LANES, Refused};
use crate::log::files::{FileSystem, LogFile};
use crate::log::leaves::{Leaves, stated_hash};
use crate::log::opening::optional;
use crate::log::pruning::{SegmentEnd, Shelf, Source, resume_from};
use crate::log::recovery::{BadLine, cut_tail};
use crate::log::segment::{SegmentDir, SyncedNote};
use crate::log::tiles::TileWriter;
use crate::verify::Reason;
use crate::verify::heads::ReadCheckpoint;
use crate::{Error, ErrorKind, RecoveryReason};

const OPEN: &str = "open a replica";

/// A tail that no sync covered and that is no continuation of the chain. It was moved to `quarantine/`; a producer that asks for the head
/// sends its records again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// The number that its first line should have had.
    pub first_seq: u64,
    /// What was wrong with that line.
    pub reason: RecoveryReason,
}

/// The directory, under lock.
struct Place {
    files: Arc<dyn FileSystem>,
    path: PathBuf,
    handle: Box<dyn LogFile>,
    quarantine: Box<dyn LogFile>,
    lock: Box<dyn LogFile>,
    segments: SegmentDir,
    firsts: Vec<u64>,
}

/// What vouches for records.
#[derive(Default)]
struct Marks {
    checkpoint: Option<(u64, String)>,
    /// Records that have to be there with these hashes.
    records: Vec<(u64, Digest)>,
}

/// What a walk over the segments found.
struct Walk {
    /// The record behind which it began.
    from: u64,
    intake: Intake,
    ends: Vec<SegmentEnd>,
    /// The segment to go on in, and its bytes up to the first bad line.
    last: Option<(u64, Vec<u8>)>,
    time: Timestamp,
    bad: Option<BadLine>,
    /// A record that is vouched for is another one.
    exchanged: Option<u64>,
}

pub(super) fn open(dir: &Path, chain: ChainId, options: ReplicaOptions) -> Result<Replica, Error> {
    let io = |error| failed(dir, OPEN, error);
    let place = Place::open(dir, &options).map_err(io)?.ok_or_else(|| {
        let context = format!("another process holds the lock on {}", dir.display());
        Error::new(ErrorKind::Conflict, OPEN, context)
    })?;
    let marks = place.marks(&chain, &options)?;
    let walk = place.walk(chain, &options, &marks)?;
    marks.judge(&walk, dir)?;
    let recovered = walk.bad.as_ref().map(|bad| Recovered {
        first_seq: bad.seq,
        reason: bad.reason,
    });
    let mut replica = place.start(walk, &marks, options).map_err(io)?;
    replica.recovered = recovered;
    replica.judge_checkpoint(marks.checkpoint)?;
    Ok(replica)
}

impl Place {
    /// Makes the directories and takes the lock; `None` where somebody has it.
    fn open(path: &Path, options: &ReplicaOptions) -> io::Result<Option<Self>> {
        let files = Arc::clone(&options.files);
        files.create_dir(path)?;
        let handle = files.open_dir(path)?;
        let Some(lock) = files.lock(&path.join("lock"))? else {
            return Ok(None);
        };
        let (segments, quarantine) = (path.join("segments"), path.join("quarantine"));
        files.create_dir(&segments)?;
        files.create_dir(&quarantine)?;
        let quarantine = files.open_dir(&quarantine)?;
        handle.sync()?;
        let segments = SegmentDir::open(Arc::clone(&files), segments)?;
        let firsts = segments.list()?;
        // A process that was killed while it replaced a segment has not made the new name durable, and this one may append to it.
        segments.sync()?;
        Ok(Some(Self {
            files,
            path: path.to_owned(),
            handle,
            quarantine,
            lock,
            segments,
            firsts,
        }))
    }

    fn marks(&self, chain: &ChainId, options: &ReplicaOptions) -> Result<Marks, Error> {
        let read = |name: &str| {
            optional(self.files.read(&self.path.join(name)))
                .map_err(|error| failed(&self.path, OPEN, error))
        };
        let mut marks = Marks::default();
        if let Some(note) = read("lock")?.as_deref().and_then(SyncedNote::from_text) {
            marks.records.push((note.seq, note.hash));
        }
        if let Some(head) = options.vouched.as_ref().filter(|head| head.chain == *chain) {
            marks.records.push((head.seq, head.hash));
        }
        if let Some(bytes) = read("checkpoint")? {
            let checkpoint = read_checkpoint(bytes).ok_or_else(|| {
                let context = format!(
                    "{} holds no checkpoint; restore it from a copy, or set it aside",
                    self.path.join("checkpoint").display()
                );
                Error::new(ErrorKind::Corrupt, OPEN, context)
            })?;
            marks.checkpoint = Some(checkpoint);
        }
        Ok(marks)
    }

    /// Goes on from the saved state, or from record 1.
    fn walk(&self, chain: ChainId, options: &ReplicaOptions, marks: &Marks) -> Result<Walk, Error> {
        let io = |error| failed(&self.path, OPEN, error);
        let saved = optional(self.files.read(&self.path.join(STATE))).map_err(io)?;
        let saved = saved.as_deref().and_then(Saved::from_bytes);
        let first = self.firsts.first().copied().unwrap_or(1);
        if let Some(walk) = saved.and_then(|saved| self.resume(&chain, options, saved)) {
            return self.go_on(walk, marks).map_err(io);
        }
        if first != 1 {
            let context = format!(
                "the log in {} begins with record {first}, and its file state, which is needed to go on from there, is not there or does \
                 not fit; nothing was changed. Restore it, or the missing segments, from a copy",
                self.path.display()
            );
            return Err(Error::new(ErrorKind::Missing, OPEN, context));
        }
        let (keys, reader) = (Arc::clone(&options.keys), options.key_reader);
        let walk = Walk::from(Intake::new(chain, keys, reader));
        self.go_on(walk, marks).map_err(io)
    }

    /// A walk that begins where a state was saved, if the records there are those of the state.
    fn resume(&self, chain: &ChainId, options: &ReplicaOptions, saved: Saved) -> Option<Walk> {
        let (keys, reader) = (Arc::clone(&options.keys), options.key_reader);
        let intake = Intake::resume(chain.clone(), keys, reader, &saved.verified)?;
        let (segment, offset) = (saved.verified.segment?, saved.verified.offset);
        let mut bytes = self.files.read(&self.segments.path_of(segment)).ok()?;
        bytes.truncate(usize::try_from(offset).ok()?);
        let reaches = bytes.len() as u64 == offset;
        // In an empty segment the hash stands at the end of the one before, which may have been pruned.
        let last = bytes.split_inclusive(|byte| *byte == b'\n').next_back();
        let fits = last.is_none_or(|last| stated_hash(last) == intake.hash());
        let mut ends: Vec<SegmentEnd> = saved.ends;
        let begins = *self.firsts.first()?;
        ends.retain(|end| end.first >= begins);
        (reaches && fits).then(|| Walk {
            last: Some((segment, bytes)),
            time: saved.verified.time().unwrap_or_default(),
            ends,
            ..Walk::from(intake)
        })
    }

    fn go_on(&self, mut walk: Walk, marks: &Marks) -> io::Result<Walk> {
        walk.intake.bound_lanes(usize::MAX);
        walk.note(walk.intake.seq(), walk.intake.hash(), marks);
        let begun = walk.last.as_ref().map_or(0, |(first, _)| *first);
        for first in self.firsts.iter().filter(|first| **first >= begun) {
            let bytes = self.files.read(&self.segments.path_of(*first))?;
            walk.segment(*first, bytes, marks);
            if walk.bad.is_some() {
                break;
            }
        }
        walk.intake.bound_lanes(MAX_CHAIN_LANES);
        Ok(walk)
    }

    /// Cuts a torn tail off, and writes to fresh files what nothing vouches for.
    fn start(self, walk: Walk, marks: &Marks, options: ReplicaOptions) -> io::Result<Replica> {
        if let Some(bad) = &walk.bad {
            let quarantine = self.path.join("quarantine");
            let quarantine = (quarantine.as_path(), &*self.quarantine);
            cut_tail(&*self.files, &self.segments, &self.firsts, bad, quarantine)?;
        }
        let seq = walk.intake.seq();
        let segment = match &walk.last {
            None => self.segments.create(1)?,
            Some((first, whole)) if walk.bad.is_none() && marks.durable() == seq => {
                self.segments.reopen(*first, whole.len() as u64)?
            }
            Some((first, whole)) => {
                self.segments
                    .renew_before(&self.firsts, *first, marks.durable())?;
                self.segments.replace(*first, &[whole])?
            }
        };
        let mut shelf = Shelf::default();
        walk.ends.iter().for_each(|end| shelf.push(*end));
        let last = (seq, walk.intake.hash().unwrap_or_default(), walk.time);
        let published = marks.checkpoint.as_ref().map_or(0, |(size, _)| *size);
        let tiles = self.tiles(&walk.intake, walk.from, published)?;
        Ok(Replica {
            store: Store::new(self.segments, segment, last, options.segment_bytes),
            leaves: Leaves {
                after: seq,
                hashes: Vec::new(),
            },
            files: self.files,
            dir: self.path,
            handle: self.handle,
            lock: self.lock,
            intake: walk.intake,
            tiles,
            shelf,
            checkpoint: None,
            waiting: None,
            recovered: None,
            unsaved: walk.from == 0 && seq > 0,
        })
    }

    /// What writes tiles on behind the last record. Those up to the state are taken over where they lead to its root.
    fn tiles(&self, intake: &Intake, from: u64, published: u64) -> io::Result<TileWriter> {
        let seq = intake.seq();
        let none = Leaves {
            after: seq,
            hashes: Vec::new(),
        };
        let root = intake.head().and_then(|head| head.root);
        // Full tiles are written once all of their records are there, so there are none of the rest. Those of pruned records are
        // durable; all others may be missing or wrong after a crash, and follow from the segments.
        let pruned = self.firsts.first().map_or(0, |first| first - 1);
        for (size, source) in [(from - from % 256, Source::Edge), (pruned, Source::Bottom)] {
            let Ok(builder) = resume_from(&*self.files, &self.path, size, source) else {
                continue;
            };
            let tiles = self.grown(builder, &none, published)?;
            if tiles.size() == 0 || tiles.root().ok() == root {
                return Ok(tiles);
            }
        }
        Err(io::Error::other(
            "the hash tiles do not stand for the records that were pruned",
        ))
    }

    fn grown(&self, builder: TileBuilder, none: &Leaves, published: u64) -> io::Result<TileWriter> {
        let files = Arc::clone(&self.files);
        let mut tiles = TileWriter::resume(files, self.path.clone(), builder, published)?;
        tiles.grow(none, none.after)?;
        Ok(tiles)
    }
}

impl From<Intake> for Walk {
    fn from(intake: Intake) -> Self {
        Self {
            from: intake.seq(),
            intake,
            ends: Vec::new(),
            last: None,
            time: Timestamp::default(),
            bad: None,
            exchanged: None,
        }
    }
}

impl Walk {
    /// Takes in a segment, or the rest of the one at hand.
    fn segment(&mut self, first: u64, mut bytes: Vec<u8>, marks: &Marks) {
        let same = self.last.take_if(|(last, _)| *last == first);
        let from = same.map_or(0, |(_, read)| read.len());
        if from == 0 && first != self.intake.seq() + 1 {
            self.bad = Some(BadLine {
                seq: self.intake.seq() + 1,
                reason: RecoveryReason::Order,
                segment: first,
                offset: 0,
            });
            return;
        }
        if let Some((before, read)) = self.last.take() {
            self.end(before, read.len() as u64);
        }
        let (mut seq, mut time) = (self.intake.seq(), None);
        let mut seen = Vec::new();
        let offered = self.intake.offer_each(&bytes[from..], |bytes, lines, _| {
            for line in lines {
                seq += 1;
                if marks.records.iter().any(|(wanted, _)| *wanted == seq) {
                    seen.push((seq, line.hash()));
                }
            }
            time = lines.last().and_then(|line| time_of(line, bytes)).or(time);
        });
        self.time = time.unwrap_or(self.time);
        for (seq, hash) in seen {
            self.note(seq, hash, marks);
        }
        let good = from + offered.bytes;
        if good < bytes.len() {
            self.bad = Some(BadLine {
                seq: self.intake.seq() + 1,
                reason: offered
                    .refused
                    .as_ref()
                    .map_or(RecoveryReason::Torn, reason_of),
                segment: first,
                offset: good,
            });
        }
        bytes.truncate(good);
        self.last = Some((first, bytes));
    }

    /// The segment at hand is whole: another one follows it.
    fn end(&mut self, first: u64, bytes: u64) {
        if let Some(head) = self.intake.head() {
            self.ends.push(SegmentEnd {
                first,
                last: head.seq,
                bytes,
                time: self.time,
                hash: head.hash,
                root: head.root.unwrap_or_default(),
            });
        }
    }

    /// Holds a record against what vouches for it.
    fn note(&mut self, seq: u64, hash: Option<Digest>, marks: &Marks) {
        let mut records = marks.records.iter();
        if records.any(|(wanted, vouched)| *wanted == seq && Some(*vouched) != hash && seq > 0) {
            self.exchanged.get_or_insert(seq);
        }
    }
}

impl Marks {
    /// The durable mark.
    fn durable(&self) -> u64 {
        let checkpoint = self.checkpoint.as_ref().map(|(size, _)| *size);
        let records = self.records.iter().map(|(seq, _)| *seq);
        records.chain(checkpoint).max().unwrap_or(0)
    }

    /// Whether everything that is vouched for is there.
    fn judge(&self, walk: &Walk, dir: &Path) -> Result<(), Error> {
        let (mark, place) = (self.durable(), dir.display());
        let refuse = |kind, why: String| {
            let context = format!(
                "{why} in {place}, and records up to {mark} were acknowledged. Nothing was changed; restore the segments from a copy"
            );
            Err(Error::new(kind, OPEN, context))
        };
        if let Some(bad) = walk.bad.as_ref().filter(|bad| bad.seq <= mark) {
            let why = format!(
                "record {} in segment {} is damaged ({})",
                bad.seq, bad.segment, bad.reason
            );
            return refuse(ErrorKind::Corrupt, why);
        }
        if let Some(seq) = walk.exchanged {
            return refuse(
                ErrorKind::Corrupt,
                format!("record {seq} is not the one that was acknowledged"),
            );
        }
        if walk.intake.seq() < mark {
            let why = format!("the log ends at record {}", walk.intake.seq());
            return refuse(ErrorKind::Missing, why);
        }
        Ok(())
    }
}

impl Replica {
    /// Whether the stored checkpoint has the root of the records.
    fn judge_checkpoint(&mut self, stored: Option<(u64, String)>) -> Result<(), Error> {
        let Some((size, note)) = stored else {
            return Ok(());
        };
        if let Err(refused) = self.checkpoint(&note)
            && refused.reason == Reason::Root
        {
            let context = format!(
                "the checkpoint in {} vouches for other records than these: {}. Nothing was changed; restore it or the segments from a copy",
                self.dir.display(),
                refused.detail
            );
            return Err(Error::new(ErrorKind::Corrupt, OPEN, context));
        }
        self.waiting = None;
        self.checkpoint = Some(size);
        Ok(())
    }
}

fn read_checkpoint(bytes: Vec<u8>) -> Option<(u64, String)> {
    let text = String::from_utf8(bytes).ok()?;
    let size = ReadCheckpoint::parse(&text).ok()?.checkpoint.size();
    Some((size, text))
}

/// The word that recovery has for what an intake says of a line.
const fn reason_of(refused: &Refused) -> RecoveryReason {
    match refused.reason {
        Reason::Grammar => RecoveryReason::Grammar,
        Reason::Hash => RecoveryReason::Hash,
        Reason::Link => RecoveryReason::Link,
        _ => RecoveryReason::Order,
    }
}
