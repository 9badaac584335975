//! Reading a log back: how far it is whole, what it last said about itself, and what has to be moved aside.

use std::io;
use std::path::Path;

use counterfoil_core::{ChainId, Digest, Head, Timestamp};
use counterfoil_merkle::tile::TileBuilder;
use counterfoil_merkle::{CompactRange, leaf_hash};

use crate::body::view::{BodyReader, BodyView, typed};
use crate::line::LineView;
use crate::log::files::{FileSystem, LogFile};
use crate::log::found_keys::{FoundKeys, is_about_keys};
use crate::log::pruning::{Pruning, SegmentEnd, Source, range_below};
use crate::log::segment::{SegmentDir, put_atomically};
use crate::log::tiles::TileCheck;
use crate::{
    AuditEventData, AuditEventKind, Instance, Lane, LanePositions, LogOpened, PayloadDigest,
    RecoveryReason, RetentionApplied, SrcId, TailRecovered,
};

/// What a walk over all segments found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The chain of the first record; `None` when there is no whole record.
    pub(crate) chain: Option<ChainId>,
    pub(crate) seq: u64,
    pub(crate) hash: Digest,
    pub(crate) time: Timestamp,
    pub(crate) tree: CompactRange,
    /// The tree up to where every hash tile is as it should be.
    pub(crate) tiled: TileBuilder,
    /// The last segment before the first bad line, and what of it is whole.
    pub(crate) last: Option<(u64, Vec<u8>)>,
    pub(crate) bad: Option<BadLine>,
    /// Hash and root at the numbers that were asked for.
    pub(crate) at: Vec<Head>,
    /// The last `log_opened`, and whose it was.
    pub(crate) opened: Option<(Instance, Box<LogOpened>)>,
    /// The last `n` sealed of each lane of that instance.
    pub(crate) lanes: LanePositions,
    /// The last record is a `log_closed`.
    pub(crate) closed: bool,
    pub(crate) keys: FoundKeys,
    /// Quarantine files that `tail_recovered` records name.
    pub(crate) declared: Vec<String>,
    /// The segments before the last one.
    pub(crate) ends: Vec<SegmentEnd>,
    /// What `retention_applied` records name, and the last of these records.
    pub(crate) retained: Vec<(u64, RetentionApplied)>,
    /// The record before the first one that is there, its hash as that one names it, and the root that the hash tiles have there;
    /// for a log that does not begin with record 1.
    pub(crate) below: Option<Below>,
}

/// What a log without its beginning begins behind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Below {
    pub(crate) seq: u64,
    pub(crate) hash: Digest,
    pub(crate) root: Digest,
}

/// The first line that is no continuation.
#[derive(Debug)]
pub(crate) struct BadLine {
    /// The number it should have had.
    pub(crate) seq: u64,
    pub(crate) reason: RecoveryReason,
    /// The segment it is in, and from which byte on.
    pub(crate) segment: u64,
    pub(crate) offset: usize,
}

impl Found {
    /// An empty log.
    pub(crate) fn nothing() -> Self {
        Self {
            chain: None,
            seq: 0,
            hash: Digest::ZERO,
            time: Timestamp::default(),
            tree: CompactRange::new(),
            tiled: TileBuilder::new(),
            last: None,
            bad: None,
            at: Vec::new(),
            opened: None,
            lanes: LanePositions::new(),
            closed: false,
            keys: FoundKeys::default(),
            declared: Vec::new(),
            ends: Vec::new(),
            retained: Vec::new(),
            below: None,
        }
    }

    /// Whether the log begins with record 1, or where a `retention_applied` says.
    pub(crate) fn begins_as_said(&self) -> bool {
        self.below.is_none_or(|below| {
            self.retained.iter().any(|(_, applied)| {
                (applied.last_seq, applied.hash, applied.root)
                    == (below.seq, below.hash, below.root)
            })
        })
    }

    /// What was to be removed and is not, all of it.
    pub(crate) fn pruning(&self) -> Option<Pruning> {
        let begins = self.below.map_or(1, |below| below.seq + 1);
        let left = self.retained.iter().filter(|(_, it)| it.last_seq >= begins);
        let (sealed, segments): (Vec<u64>, Vec<RetentionApplied>) = left.cloned().unzip();
        let sealed = sealed.into_iter().max()?;
        Some(Pruning { sealed, segments })
    }
}

impl BadLine {
    /// The segment as a whole is not where it belongs: one before it is not there.
    const fn is_misplaced(&self) -> bool {
        self.offset == 0 && self.segment != self.seq
    }
}

/// Walks over the segments in `dir`, and compares the hash tiles of `log` with them. Hash and root are noted at each number in
/// `wanted`. For a log whose beginning was pruned, `from` says what its tree begins with.
pub(crate) fn scan(
    files: &dyn FileSystem,
    log: &Path,
    dir: &SegmentDir,
    firsts: &[u64],
    wanted: &[u64],
    from: Source,
) -> io::Result<Found> {
    let mut scan = Scan::new(wanted, TileCheck::new(files, log));
    if let Some(first) = firsts.first().filter(|first| **first > 1)
        && let Ok(range) = range_below(files, log, first - 1, from)
        && scan.tiles.begin_behind(first - 1, from).is_ok()
    {
        scan.begin_behind(range);
    }
    for first in firsts {
        let mut bytes = files.read(&dir.path_of(*first))?;
        let begins_right = *first == scan.found.seq + 1;
        if begins_right {
            scan.end_of_segment();
        }
        let whole = scan.segment(*first, &bytes);
        if begins_right {
            bytes.truncate(whole);
            scan.found.last = Some((*first, bytes));
        }
        if scan.found.bad.is_some() {
            break;
        }
    }
    scan.settle();
    scan.found.tiled = scan.tiles.into_builder();
    Ok(scan.found)
}

struct Scan<'a> {
    found: Found,
    wanted: &'a [u64],
    reader: BodyReader,
    pending: Vec<Digest>,
    tiles: TileCheck<'a>,
}

impl<'a> Scan<'a> {
    fn new(wanted: &'a [u64], tiles: TileCheck<'a>) -> Self {
        Self {
            found: Found::nothing(),
            wanted,
            reader: BodyReader::default(),
            pending: Vec::new(),
            tiles,
        }
    }

    /// The log begins behind records that are gone, whose tree is `range`.
    fn begin_behind(&mut self, range: CompactRange) {
        self.found.seq = range.size();
        self.found.below = Some(Below {
            seq: range.size(),
            hash: Digest::ZERO,
            root: range.root(),
        });
        self.found.tree = range;
    }

    /// The segment before this one, if there is one, is whole.
    fn end_of_segment(&mut self) {
        self.settle();
        let Some((first, bytes)) = &self.found.last else {
            return;
        };
        let end = SegmentEnd {
            first: *first,
            last: self.found.seq,
            bytes: bytes.len() as u64,
            time: self.found.time,
            hash: self.found.hash,
            root: self.found.tree.root(),
        };
        self.found.ends.push(end);
    }

    /// Takes in a segment; how many of its bytes are whole lines that continue the chain.
    fn segment(&mut self, first: u64, bytes: &[u8]) -> usize {
        let mut offset = 0;
        let mut outcome = if first == self.found.seq + 1 {
            Ok(())
        } else {
            Err(RecoveryReason::Order)
        };
        while outcome.is_ok() && offset < bytes.len() {
            let rest = &bytes[offset..];
            match rest.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    outcome = self.line(&rest[..=end]);
                    if outcome.is_ok() {
                        offset += end + 1;
                    }
                }
                None => outcome = Err(RecoveryReason::Torn),
            }
        }
        if let Err(reason) = outcome {
            self.found.bad = Some(BadLine {
                seq: self.found.seq + 1,
                reason,
                segment: first,
                offset,
            });
        }
        offset
    }

    fn line(&mut self, line: &[u8]) -> Result<(), RecoveryReason> {
        std::str::from_utf8(line).map_err(|_| RecoveryReason::Grammar)?;
        let view = LineView::parse(line).map_err(|_| RecoveryReason::Grammar)?;
        let hash = leaf_hash(view.body);
        if hash.to_hex() != *view.hash {
            return Err(RecoveryReason::Hash);
        }
        let mut reader = std::mem::take(&mut self.reader);
        let body = reader.read(view.body);
        self.reader = reader;
        let body = body.map_err(|_| RecoveryReason::Grammar)?;
        self.continues(&body)?;
        self.found.hash = hash;
        self.found.seq += 1;
        let root_wanted = self.learn(&body);
        self.pending.push(hash);
        if root_wanted {
            self.settle();
            self.found.keys.root(self.found.tree.root());
        }
        if self.wanted.contains(&self.found.seq) {
            self.note_head();
        } else if self.pending.len() == 4_096 {
            self.settle();
        }
        Ok(())
    }

    fn continues(&mut self, body: &BodyView<'_>) -> Result<(), RecoveryReason> {
        if self.found.chain.is_none()
            && let Some(below) = &mut self.found.below
        {
            // The first line says what it follows; whether that is so, `retention_applied` says.
            self.found.hash = Digest::from_hex(body.chain.prev).unwrap_or_default();
            below.hash = self.found.hash;
        }
        if *body.chain.prev != self.found.hash.to_hex() {
            return Err(RecoveryReason::Link);
        }
        let time = Timestamp::from_text(body.chain.time).ok_or(RecoveryReason::Grammar)?;
        let chain = match &self.found.chain {
            Some(chain) => chain.clone(),
            None => std::str::from_utf8(body.chain.id)
                .ok()
                .and_then(|id| ChainId::new(id).ok())
                .ok_or(RecoveryReason::Grammar)?,
        };
        if body.chain.seq != self.found.seq + 1
            || time < self.found.time
            || body.chain.id != chain.as_str().as_bytes()
        {
            return Err(RecoveryReason::Order);
        }
        self.found.time = time;
        self.found.chain = Some(chain);
        Ok(())
    }

    /// Takes from a record what the next opening has to know. Whether the root at this record is a part of it.
    fn learn(&mut self, body: &BodyView<'_>) -> bool {
        let Some(src) = SrcId::from_text(body.src_id) else {
            return false;
        };
        let own = src.lane() == Lane::sealer();
        let kind = own.then(|| AuditEventKind::closed(body.kind)).flatten();
        self.found.closed = kind == Some(AuditEventKind::LogClosed);
        match &kind {
            Some(kind @ AuditEventKind::LogOpened) => {
                if let Ok(AuditEventData::LogOpened(opened)) = typed(kind, body.data) {
                    let before = self.found.opened.as_ref().map(|(instance, _)| *instance);
                    // One that states its policy again, for retention, is in the middle of its opening.
                    if before != Some(src.instance()) {
                        self.found.lanes.clear();
                    }
                    self.found.opened = Some((src.instance(), Box::new(opened)));
                }
            }
            Some(kind @ AuditEventKind::RetentionApplied) => {
                if let Ok(AuditEventData::RetentionApplied(applied)) = typed(kind, body.data) {
                    self.found.retained.push((body.chain.seq, applied));
                }
            }
            Some(kind @ AuditEventKind::TailRecovered) => {
                if let Ok(AuditEventData::TailRecovered(tail)) = typed(kind, body.data) {
                    self.found.declared.push(tail.file);
                }
            }
            _ => {}
        }
        let of_last = self
            .found
            .opened
            .as_ref()
            .is_some_and(|(instance, _)| *instance == src.instance());
        if of_last {
            let last = self.found.lanes.entry(src.lane()).or_default();
            *last = body.n.max(*last);
        }
        kind.filter(is_about_keys)
            .and_then(|kind| typed(&kind, body.data).ok())
            .is_some_and(|data| {
                let (seq, time) = (self.found.seq, self.found.time);
                self.found.keys.learn(&data, seq, time)
            })
    }

    fn settle(&mut self) {
        self.found.tree.extend(&self.pending);
        self.tiles.grow(&self.pending);
        self.pending.clear();
    }

    fn note_head(&mut self) {
        self.settle();
        let root = Some(self.found.tree.root());
        self.found
            .at
            .extend(self.found.chain.clone().map(|chain| Head {
                chain,
                seq: self.found.seq,
                hash: self.found.hash,
                root,
            }));
    }
}

/// Moves everything from the bad line on to `quarantine/`, durably, and only then cuts it from the log. May be repeated
/// after a crash at any point: what was moved already is still declared, because files in quarantine that no record
/// names are declared at each opening.
pub(crate) fn cut_tail(
    files: &dyn FileSystem,
    dir: &SegmentDir,
    firsts: &[u64],
    bad: &BadLine,
    quarantine: (&Path, &dyn LogFile),
) -> io::Result<()> {
    let mut bytes = if bad.is_misplaced() {
        Vec::new()
    } else {
        files.read(&dir.path_of(bad.segment))?.split_off(bad.offset)
    };
    let later: Vec<u64> = firsts
        .iter()
        .copied()
        .filter(|first| *first > bad.segment || bad.is_misplaced() && *first == bad.segment)
        .collect();
    for first in &later {
        bytes.extend(files.read(&dir.path_of(*first))?);
    }
    let (path, handle) = quarantine;
    let name = quarantine_name(bad, &bytes);
    put_atomically(files, handle, &path.join(name), &bytes)?;
    for first in later.iter().rev() {
        dir.remove(*first)?;
    }
    dir.sync()
}

/// The name holds what `tail_recovered` says and the file does not: number and reason; and a digest, so that moving the
/// same bytes again makes no second file.
fn quarantine_name(bad: &BadLine, bytes: &[u8]) -> String {
    let digest = crate::hash::sha256(bytes).to_string();
    format!("{:020}-{}-{}.torn", bad.seq, bad.reason, &digest[..16])
}

/// The declarations for files in quarantine that no record names yet.
pub(crate) fn undeclared(
    files: &dyn FileSystem,
    quarantine: &Path,
    declared: &[String],
) -> io::Result<Vec<TailRecovered>> {
    let mut tails = Vec::new();
    for name in files.list(quarantine)? {
        let Some((first_seq, reason)) = read_quarantine_name(&name) else {
            continue;
        };
        if declared.contains(&name) {
            continue;
        }
        let bytes = files.read(&quarantine.join(&name))?;
        tails.push(TailRecovered {
            bytes: bytes.len() as u64,
            digest: PayloadDigest::Sha256(crate::hash::sha256(&bytes)),
            file: name,
            first_seq,
            lines: bytes.iter().filter(|byte| **byte == b'\n').count() as u64,
            reason,
        });
    }
    Ok(tails)
}

fn read_quarantine_name(name: &str) -> Option<(u64, RecoveryReason)> {
    const REASONS: [RecoveryReason; 5] = [
        RecoveryReason::Torn,
        RecoveryReason::Grammar,
        RecoveryReason::Hash,
        RecoveryReason::Link,
        RecoveryReason::Order,
    ];
    let mut parts = name.strip_suffix(".torn")?.split('-');
    let seq = parts.next()?.parse().ok()?;
    let reason = parts.next()?;
    let reason = REASONS.into_iter().find(|it| it.as_str() == reason)?;
    Some((seq, reason))
}
