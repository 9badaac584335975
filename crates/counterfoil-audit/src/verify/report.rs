//! What a verification found.

use std::fmt;
use std::time::Duration;

use counterfoil_core::Head;

use super::cause::Cause;
use super::reason::{Reason, Verdict};
use super::state::VerifiedState;
use crate::SrcId;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What kind of thing.
    pub reason: Reason,
    /// The record's position in the log: its line, counted from the number in the segment's name, or from 1 in a file by
    /// itself. `None` where the log as a whole fails.
    pub position: Option<u64>,
    /// The file.
    pub file: Option<String>,
    /// Where the line begins in the file, in bytes.
    pub offset: Option<u64>,
    /// What is wrong.
    pub detail: String,
    /// What should be there, where it can be named.
    pub expected: Option<String>,
    /// What is there instead.
    pub found: Option<String>,
    /// What probably happened, where the findings speak for something.
    pub cause: Option<Cause>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "record {position}: ")?,
            None => f.write_str("log: ")?,
        }
        f.write_str(&self.detail)?;
        if let (Some(expected), Some(found)) = (&self.expected, &self.found) {
            write!(f, ": expected {expected}, found {found}")?;
        }
        write!(f, " ({})", self.reason)?;
        if let Some(file) = &self.file {
            write!(f, ", in {file}")?;
            if let Some(offset) = self.offset {
                write!(f, " at byte {offset}")?;
            }
        }
        Ok(())
    }
}

/// Whether everything that was offered is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the set is fixed by version 1 of the format"
)]
pub enum Completeness {
    /// Every number of the lane has its record.
    Complete,
    /// Declared losses fill the gaps.
    Lossy,
    /// The producer never closed.
    Unknown,
}

impl Completeness {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "COMPLETE",
            Self::Lossy => "LOSSY",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was found of one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneReport {
    /// The lane.
    pub src: SrcId,
    /// Largest number seen.
    pub last_n: u64,
    /// Numbers declared lost.
    pub declared_lost: u64,
    /// Numbers missing and not declared.
    pub missing: u64,
    /// The verdict.
    pub completeness: Completeness,
}

/// The records beyond the trusted head: consistent, and vouched for by nobody yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tail {
    /// How many.
    pub records: u64,
    /// How many of these come before the first line that contradicts; all of them, in a sound log.
    pub consistent: u64,
    /// Age of the oldest of them.
    pub age: Option<Duration>,
    /// Bytes of a line that has no end yet; a writer may be at work.
    pub unfinished_bytes: u64,
}

/// What was found of the erasable values of a log (audit specification §9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erasables {
    /// Commitments in the records.
    pub commitments: u64,
    /// Whether the log's folder `openings/` was there. It never is with a copy, and then openings are not judged: the figures
    /// below are 0.
    pub openings_present: bool,
    /// Openings that make the commitment in their record.
    pub opened: u64,
    /// Commitments whose opening was destroyed, as an `erased` record says.
    pub erased: u64,
    /// Commitments whose opening is absent although no record says why.
    pub missing: u64,
}

/// Records that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingRange {
    /// Number of the first.
    pub first: u64,
    /// Number of the last.
    pub last: u64,
}

/// Where a trusted head came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeadSource {
    /// It was given.
    Given,
    /// A given key signed the checkpoint that is stored with the log.
    StoredCheckpoint,
    /// The state of an earlier verification.
    State,
}

impl HeadSource {
    /// The words for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Given => "the given anchor",
            Self::StoredCheckpoint => "the log's checkpoint, signed by a given key",
            Self::State => "the state of the last verification",
        }
    }
}

/// What became of the state of an earlier verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateUse {
    /// What comes before this record was not read again: it rests on the state. Hash tiles were not compared.
    From {
        /// The first record that was read.
        seq: u64,
    },
    /// Everything was read, and the state's head had to be met as any other.
    ReadAll {
        /// The reason.
        why: &'static str,
    },
}

/// The role of a key, which its name tells (audit specification §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyRole {
    /// It signs checkpoints.
    Log,
    /// It signs records.
    Record,
    /// It signs the checkpoints of its epoch.
    Epoch,
    /// It has no role in this chain.
    Other,
}

impl KeyRole {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Record => "record",
            Self::Epoch => "epoch",
            Self::Other => "other",
        }
    }
}

/// What was found of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyReport {
    /// The key, as text.
    pub key: String,
    /// Its role.
    pub role: KeyRole,
    /// Whether it was given to the verifier. Only then does it vouch for anything.
    pub given: bool,
    /// Whether it is in force at the end of the log; `None` where the log does not say which keys are.
    pub in_force: Option<bool>,
    /// Whether it signed the trusted head.
    pub signed_head: bool,
    /// Signatures of records by it that were verified.
    pub signatures_verified: u64,
    /// Signatures of records that name it and were not checked, for the key was not given.
    pub signatures_not_checked: u64,
}

/// What a verification found: two verdicts, and everything that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What was verified, as it was named.
    pub log: String,
    /// Lines that were judged.
    pub records: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// The number that the first well-formed record states.
    pub first_seq: Option<u64>,
    /// The number that the last record has.
    pub last_seq: Option<u64>,
    /// The trusted head that was verified against, the largest if several were given.
    pub trusted: Option<Head>,
    /// Where the trusted head came from.
    pub head_from: Option<HeadSource>,
    /// How long ago the record at the trusted head was sealed; that is how old what the anchor vouches for is.
    pub head_age: Option<Duration>,
    /// The head that the log ends with, where its last line states one.
    pub end: Option<Head>,
    /// Records that the trusted head vouches for and the log does not have.
    pub missing: u64,
    /// Ranges of records that are not there, a beginning, segments and the end up to the head alike; at most as many as
    /// failures are listed.
    pub missing_ranges: Vec<MissingRange>,
    /// How many records all of these ranges have.
    pub missing_records: u64,
    /// The keys that were given or that the log names, in the order of their names.
    pub keys: Vec<KeyReport>,
    /// What lies beyond the trusted head.
    pub tail: Tail,
    /// Completeness of the log: the worst of its lanes. `None` when only hashes were judged.
    pub completeness: Option<Completeness>,
    /// Every lane, in the order of their names.
    pub lanes: Vec<LaneReport>,
    /// What was found of erasable values. `None` when there are none, and when only hashes were judged.
    pub erasables: Option<Erasables>,
    /// The last record of those that retention has removed, as a `retention_applied` up to the head says: the log begins with the
    /// next one.
    pub pruned: Option<u64>,
    /// Whether the grammar of bodies was left out.
    pub hash_only: bool,
    /// Signatures of records that a given key verified.
    pub signatures_verified: u64,
    /// Signatures of records by keys that nobody gave.
    pub signatures_not_checked: u64,
    /// The names of the given keys that signed the trusted head.
    pub signed_by: Vec<String>,
    /// The witnesses that cosigned the trusted head, by the policy that was given; empty where it is not met.
    pub cosigned_by: Vec<Cosigned>,
    /// Rotations of the log key that lead from a given key to the one that counts now.
    pub rotations_followed: u64,
    /// The key epoch that the log ends in; `None` where there are no epochs or nobody knows.
    pub epoch: Option<u64>,
    /// What became of the state that was given.
    pub state_used: Option<StateUse>,
    /// The state to go on from next time. `None` when none was asked for, when the verdict is not VALID, or when the log has
    /// signed records or erasable values, which a state does not cover.
    pub state: Option<VerifiedState>,
    /// What is wrong: first what decides the verdict, each in the order of positions; at most as many as asked for, and a few
    /// more that concern the log as a whole.
    pub failures: Vec<Failure>,
    /// How many things are wrong.
    pub failures_total: u64,
    /// The verdict on integrity.
    pub verdict: Verdict,
}

/// A witness that cosigned the trusted head.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cosigned {
    /// Its name in the policy.
    pub witness: String,
    /// When it did, by its own clock, in seconds of the Unix epoch.
    pub unix_seconds: u64,
}

impl Report {
    /// The exit code of audit specification §13.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        self.verdict.exit_code()
    }
}

impl fmt::Display for Erasables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "erasable values: {} commitments, ", self.commitments)?;
        if self.openings_present {
            write!(
                f,
                "{} opened, {} erased, {} openings missing",
                self.opened, self.erased, self.missing
            )
        } else {
            f.write_str("openings not checked: there is no folder openings/")
        }
    }
}

/// The verdict in a line, and a line for each failure. What records state stands in them as it is; escape it for a terminal.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.verdict, self.log)?;
        match (&self.trusted, self.verdict) {
            (Some(head), Verdict::Valid) => writeln!(
                f,
                ", {} records, verified to record {} of {}",
                self.records, head.seq, head.chain
            )?,
            _ => writeln!(f, ", {} records read", self.records)?,
        }
        for failure in &self.failures {
            writeln!(f, "  {failure}")?;
        }
        let listed = self.failures.len() as u64;
        if self.failures_total > listed {
            writeln!(f, "  and {} more", self.failures_total - listed)?;
        }
        Ok(())
    }
}
