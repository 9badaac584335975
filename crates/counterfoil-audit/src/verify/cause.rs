//! What probably happened, inferred from what was found (audit specification §12).
//!
//! A cause is said only where the bytes speak for it: a line that becomes canonical with its own hash was written again by another
//! program, and one that has its hash with a single bit turned back was not edited by anybody.

use std::fmt;

use counterfoil_merkle::leaf_hash;

use super::reason::Reason;
use super::report::Failure;
use crate::canonicalise::is_reserialised;
use crate::line::LineView;

/// Longest line in which a single flipped bit is looked for: each bit costs a hash of the line.
const MAX_SEARCHED: usize = 1_024;
/// How many lines are searched for one, so that a log full of edits costs no more than a few.
pub(crate) const MAX_SEARCHES: u32 = 8;

/// What probably happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Another program wrote the file again: the record has its hash once it is put into canonical form.
    Reserialised,
    /// With one bit turned back the record has its hash: a failing disk, memory or link.
    BitFlip,
    /// The bytes of a block never reached the disk.
    TornWrite,
    /// The file was cut off within a line.
    CutOff,
    /// The body was edited, and nothing else: the record after it still names the old hash.
    EditedRecord,
    /// A record was replaced, with a hash made to fit.
    ReplacedRecord,
    /// Records were taken out.
    RemovedRecords,
    /// Records were repeated, inserted or moved.
    MovedRecords,
    /// A whole segment was replaced or comes from elsewhere.
    ReplacedSegment,
    /// The beginning of the log is not there: pruned, or not copied.
    MissingBeginning,
    /// Segments in the middle are not there.
    MissingSegments,
    /// The newest records are not there: deleted, or the copy is older than the head.
    MissingEnd,
    /// Everything was sealed again: the log is sound in itself, and another one than the head's.
    RewrittenHistory,
    /// The head or the records are of another chain, or another incarnation.
    OtherChain,
    /// Follows from what was found before it.
    Consequence,
    /// A writer that does not follow the specification, or a program that seals in its place.
    OtherWriter,
    /// Entries were lost before they were sealed, and nobody said so.
    LostUnsealed,
    /// The key is of another log, or was rotated.
    OtherKey,
    /// Nothing was given to hold the log against.
    NothingGiven,
    /// The anchor is older than it should be: anchoring is late, or an old one was given.
    LateAnchor,
    /// The file cannot be reached or is none.
    Inaccessible,
}

impl Cause {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserialised => "reserialised",
            Self::BitFlip => "bit-flip",
            Self::TornWrite => "torn-write",
            Self::CutOff => "cut-off",
            Self::EditedRecord => "edited-record",
            Self::ReplacedRecord => "replaced-record",
            Self::RemovedRecords => "removed-records",
            Self::MovedRecords => "moved-records",
            Self::ReplacedSegment => "replaced-segment",
            Self::MissingBeginning => "missing-beginning",
            Self::MissingSegments => "missing-segments",
            Self::MissingEnd => "missing-end",
            Self::RewrittenHistory => "rewritten-history",
            Self::OtherChain => "other-chain",
            Self::Consequence => "consequence",
            Self::OtherWriter => "other-writer",
            Self::LostUnsealed => "lost-unsealed",
            Self::OtherKey => "other-key",
            Self::NothingGiven => "nothing-given",
            Self::LateAnchor => "late-anchor",
            Self::Inaccessible => "inaccessible",
        }
    }

    /// The cause in a clause.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Reserialised => {
                "another program wrote the file again; in canonical form the record has its hash"
            }
            Self::BitFlip => "one bit was flipped; turned back, the record has its hash",
            Self::TornWrite => "a block that never reached the disk, as after a loss of power",
            Self::CutOff => "the file was cut off within a line, as by a copy that broke off",
            Self::EditedRecord => {
                "the body was edited and nothing else: the next record still names the stated hash"
            }
            Self::ReplacedRecord => {
                "the record before was replaced, with a hash made to fit, or records were spliced in"
            }
            Self::RemovedRecords => "records were taken out of the file",
            Self::MovedRecords => "a record was repeated, inserted or moved",
            Self::ReplacedSegment => "the segment before, or this one, was replaced as a whole",
            Self::MissingBeginning => "the beginning was pruned, removed or never copied",
            Self::MissingSegments => "segments were removed, or not copied",
            Self::MissingEnd => {
                "the newest records were removed, or the copy is older than the head"
            }
            Self::RewrittenHistory => {
                "the log is sound in itself and not the one of the head: sealed again, or forked"
            }
            Self::OtherChain => "it belongs to another log or incarnation",
            Self::Consequence => "it follows from the findings before it",
            Self::OtherWriter => "a program that does not keep to the specification sealed it",
            Self::LostUnsealed => "entries were lost before they were sealed",
            Self::OtherKey => "the key is of another log, or was rotated",
            Self::NothingGiven => "nothing was given to hold it against",
            Self::LateAnchor => "anchoring is late, or an old anchor was given",
            Self::Inaccessible => "it cannot be reached, or is not what its name says",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the bytes of a line that fails say by themselves. `search` allows looking for a flipped bit.
pub(crate) fn of_line(line: &[u8], search: bool) -> Option<Cause> {
    let blank = line.iter().filter(|byte| **byte == 0).count();
    if blank >= 16 {
        return Some(Cause::TornWrite);
    }
    if is_reserialised(line) || is_part_of_pretty_json(line) {
        return Some(Cause::Reserialised);
    }
    (search && has_flipped_bit(line)).then_some(Cause::BitFlip)
}

/// A line of JSON that is spread over several.
fn is_part_of_pretty_json(line: &[u8]) -> bool {
    matches!(
        line.trim_ascii(),
        b"{" | b"[" | b"}" | b"}," | b"\"body\": {"
    ) || line.starts_with(b"  ") && line.trim_ascii().starts_with(b"\"")
}

/// Whether the line is whole, and has its hash, with one bit changed.
fn has_flipped_bit(line: &[u8]) -> bool {
    if line.len() > MAX_SEARCHED {
        return false;
    }
    let mut line = line.to_vec();
    (0..line.len() * 8).any(|bit| {
        let mask = 1 << (bit % 8);
        line[bit / 8] ^= mask;
        // A line feed that was flipped makes two lines of one.
        let whole =
            LineView::parse(&line).is_ok_and(|view| view.hash == &leaf_hash(view.body).to_hex());
        line[bit / 8] ^= mask;
        whole
    })
}

/// Fills in the causes that only the failures together tell. They are in the order of positions within a verdict.
pub(crate) fn infer(failures: &mut [Failure]) {
    let tampered_at: Vec<(u64, Reason)> = failures
        .iter()
        .filter(|failure| failure.reason.verdict() == super::Verdict::Tampered)
        .filter_map(|failure| Some((failure.position?, failure.reason)))
        .collect();
    let has = |position: u64, reason: Reason| tampered_at.contains(&(position, reason));
    for failure in failures {
        let position = failure.position.unwrap_or(0);
        let earlier =
            |reason: &Reason| !matches!(reason, Reason::Head | Reason::Root | Reason::Signature);
        let found_before = || {
            tampered_at
                .iter()
                .any(|(at, reason)| *at <= position && earlier(reason))
        };
        let cause = match failure.reason {
            Reason::Hash if !has(position + 1, Reason::Link) => Some(Cause::EditedRecord),
            Reason::Hash => Some(Cause::ReplacedRecord),
            Reason::Link if failure.offset == Some(0) => Some(Cause::ReplacedSegment),
            Reason::Link if has(position, Reason::Id) => Some(Cause::OtherChain),
            Reason::Link => Some(Cause::ReplacedRecord),
            Reason::Seq => jump(failure),
            Reason::Time | Reason::Mode => Some(Cause::OtherWriter),
            Reason::Replay => Some(Cause::MovedRecords),
            Reason::Id => Some(Cause::OtherChain),
            Reason::Head | Reason::Root if found_before() => Some(Cause::Consequence),
            Reason::Head | Reason::Root => Some(Cause::RewrittenHistory),
            Reason::Key => Some(Cause::OtherKey),
            Reason::Gap => Some(Cause::LostUnsealed),
            Reason::NoHead => Some(Cause::NothingGiven),
            Reason::Tail => Some(Cause::LateAnchor),
            Reason::Unreadable => Some(Cause::Inaccessible),
            _ => None,
        };
        failure.cause = failure.cause.or(cause);
    }
}

/// Forward is a hole, backward a repetition.
fn jump(failure: &Failure) -> Option<Cause> {
    let expected: u64 = failure.expected.as_deref()?.parse().ok()?;
    let found: u64 = failure.found.as_deref()?.parse().ok()?;
    Some(if found > expected {
        Cause::RemovedRecords
    } else {
        Cause::MovedRecords
    })
}
