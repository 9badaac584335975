//! Why something was not accepted.

use std::fmt;

use counterfoil_core::Digest;

use super::MAX_CHAIN_LANES;
use crate::MAX_LINE;
use crate::verify::{Failure, Reason};

/// A line or a checkpoint that does not fit. Nothing of it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Why, in the words of audit specification §12.
    pub reason: Reason,
    /// The position that the line would have had in the chain, or the size of the checkpoint.
    pub seq: u64,
    /// The same in a sentence, without a full stop. It may quote what was offered, escaped.
    pub detail: String,
    /// What should have stood there, where there is one such value: a hash, a number, a time.
    pub expected: Option<String>,
    /// What stood there instead.
    pub found: Option<String>,
}

impl Refused {
    pub(crate) fn new(reason: Reason, seq: u64, detail: impl Into<String>) -> Self {
        Self {
            reason,
            seq,
            detail: detail.into(),
            expected: None,
            found: None,
        }
    }

    pub(super) fn of_line(failure: Failure, seq: u64) -> Self {
        Self {
            reason: failure.reason,
            seq,
            detail: failure.detail,
            expected: failure.expected,
            found: failure.found,
        }
    }

    pub(super) fn other_root(size: u64, root: Digest, said: Digest) -> Self {
        Self {
            expected: Some(root.to_string()),
            found: Some(said.to_string()),
            ..Self::new(
                Reason::Root,
                size,
                format!("the checkpoint over {size} records has another root than they have"),
            )
        }
    }

    pub(super) fn too_long(seq: u64) -> Self {
        let detail = format!("a line of more than {MAX_LINE} bytes is longer than any record");
        Self::new(Reason::Grammar, seq, detail)
    }

    pub(super) fn too_many_lanes(seq: u64) -> Self {
        let detail = format!(
            "the chain has {MAX_CHAIN_LANES} lanes, and no more are taken; go on as its next incarnation"
        );
        Self::new(Reason::Policy, seq, detail)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}: {}: {}", self.seq, self.reason, self.detail)?;
        if let (Some(expected), Some(found)) = (&self.expected, &self.found) {
            write!(f, " (expected {expected}, found {found})")?;
        }
        Ok(())
    }
}
