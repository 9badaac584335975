//! Why a log does not verify, and what that means for the exit code (audit specification §12, §13).

use std::fmt;

/// What is wrong, in the order in which failures of one line are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the set is fixed by version 1 of the format"
)]
pub enum Reason {
    /// Line, encoding, header or data of the log about itself is malformed.
    Grammar,
    /// The stated hash is not that of the body.
    Hash,
    /// The chain's id differs.
    Id,
    /// The number does not continue.
    Seq,
    /// The predecessor's hash is not what the record names.
    Link,
    /// The time of sealing decreases.
    Time,
    /// A line contradicts the signing mode, or a policy changed unannounced.
    Mode,
    /// A signature fails.
    Signature,
    /// A number of a lane is accounted for twice, or lies above the final one.
    Replay,
    /// The record at the head is another one, or parts of a head disagree.
    Head,
    /// The root at the head is another one.
    Root,
    /// A hash tile contradicts the records up to the head.
    Tile,
    /// A given key did not sign what it should have signed.
    Key,
    /// A policy given to the verifier is not met.
    Policy,
    /// Something cannot be read.
    Unreadable,
    /// No trusted head was given.
    NoHead,
    /// A part of the log is not there.
    Absent,
    /// Numbers of a lane are missing and nobody declared them lost.
    Gap,
    /// There is more beyond the head than allowed.
    Tail,
    /// There is nothing to verify.
    Empty,
}

impl Reason {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grammar => "grammar",
            Self::Hash => "hash",
            Self::Link => "link",
            Self::Seq => "seq",
            Self::Time => "time",
            Self::Id => "id",
            Self::Head => "head",
            Self::Root => "root",
            Self::Tile => "tile",
            Self::Signature => "signature",
            Self::Mode => "mode",
            Self::Replay => "replay",
            Self::Key => "key",
            Self::Policy => "policy",
            Self::Unreadable => "unreadable",
            Self::NoHead => "no-head",
            Self::Absent => "absent",
            Self::Gap => "gap",
            Self::Tail => "tail",
            Self::Empty => "empty",
        }
    }

    /// Every reason, in the order of audit specification §12.
    pub const ALL: [Self; 20] = [
        Self::Grammar,
        Self::Hash,
        Self::Id,
        Self::Seq,
        Self::Link,
        Self::Time,
        Self::Mode,
        Self::Signature,
        Self::Replay,
        Self::Head,
        Self::Root,
        Self::Tile,
        Self::Key,
        Self::Policy,
        Self::Unreadable,
        Self::NoHead,
        Self::Absent,
        Self::Gap,
        Self::Tail,
        Self::Empty,
    ];

    /// Its stable code, which reports print and documents refer to: `CF-V-` and the word in capitals.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Grammar => "CF-V-GRAMMAR",
            Self::Hash => "CF-V-HASH",
            Self::Link => "CF-V-LINK",
            Self::Seq => "CF-V-SEQ",
            Self::Time => "CF-V-TIME",
            Self::Id => "CF-V-ID",
            Self::Head => "CF-V-HEAD",
            Self::Root => "CF-V-ROOT",
            Self::Tile => "CF-V-TILE",
            Self::Signature => "CF-V-SIGNATURE",
            Self::Mode => "CF-V-MODE",
            Self::Replay => "CF-V-REPLAY",
            Self::Key => "CF-V-KEY",
            Self::Policy => "CF-V-POLICY",
            Self::Unreadable => "CF-V-UNREADABLE",
            Self::NoHead => "CF-V-NO-HEAD",
            Self::Absent => "CF-V-ABSENT",
            Self::Gap => "CF-V-GAP",
            Self::Tail => "CF-V-TAIL",
            Self::Empty => "CF-V-EMPTY",
        }
    }

    /// The verdict that it makes.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Grammar
            | Self::Hash
            | Self::Link
            | Self::Seq
            | Self::Time
            | Self::Id
            | Self::Head
            | Self::Root
            | Self::Tile
            | Self::Signature
            | Self::Mode
            | Self::Replay => Verdict::Tampered,
            Self::Key | Self::Policy => Verdict::NotMet,
            Self::Unreadable => Verdict::Unreadable,
            Self::NoHead | Self::Absent | Self::Gap | Self::Tail | Self::Empty => {
                Verdict::Incomplete
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The verdict on a log; the greatest of all reasons' verdicts holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the set is fixed by version 1 of the format"
)]
pub enum Verdict {
    /// Verified to the head.
    Valid,
    /// Less is present, or given, than was to be verified.
    Incomplete,
    /// Something cannot be read.
    Unreadable,
    /// A key or a policy is not met.
    NotMet,
    /// Something that is present contradicts.
    Tampered,
}

impl Verdict {
    /// The exit code that goes with it.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Incomplete => 3,
            Self::Unreadable => 4,
            Self::NotMet => 5,
            Self::Tampered => 1,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::Incomplete => "INCOMPLETE",
            Self::Unreadable => "UNREADABLE",
            Self::NotMet => "NOT MET",
            Self::Tampered => "TAMPERED",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
