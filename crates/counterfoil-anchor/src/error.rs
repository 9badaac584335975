//! The one error type of this crate.

use std::error::Error as StdError;
use std::fmt;

use counterfoil_core::{ChainId, Head};

/// What kind of thing went wrong, for callers that branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Somebody else advanced the anchor: [`Error::expected`] and [`Error::found`] name both heads. Never retry blindly.
    Conflict,
    /// The next anchor lies before the stored one, says otherwise about the same record, says less about it, or skips too
    /// many incarnations.
    Regression,
    /// The store keeps the anchor of another log.
    WrongLog,
    /// An argument contradicts itself.
    Invalid,
    /// What is stored is no anchor. It is left as it is.
    Corrupt,
    /// The store could not be reached, read or written. The anchor may or may not have advanced; the same call may be made
    /// again.
    Unavailable,
    /// Too few witnesses cosigned the head, so the anchor did not advance. The same call may be made again.
    Unwitnessed,
    /// A witness has shown another head, signed by this log, that contradicts the one that was offered: the log was rolled
    /// back, or two writers go on from one point. Never retry.
    SplitView,
}

/// An anchor was not loaded or not advanced. `Display` says which, why, and what to do.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    context: String,
    heads: Option<Box<Heads>>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Debug)]
struct Heads {
    expected: Option<Head>,
    found: Option<Head>,
}

const ADVANCE: &str = "advance the anchor";

impl Error {
    /// The stored head is not the one that the caller expected: two writers, or one that was away.
    #[must_use]
    pub fn conflict(expected: Option<&Head>, found: Option<&Head>) -> Self {
        let context = format!(
            "the writer expected {}, but the store has {}: another writer may be at work on this log; stop one of them and \
             verify the log before it goes on",
            Described(expected),
            Described(found)
        );
        let heads = Heads {
            expected: expected.cloned(),
            found: found.cloned(),
        };
        Self {
            heads: Some(Box::new(heads)),
            ..Self::new(ErrorKind::Conflict, ADVANCE, context)
        }
    }

    /// The next anchor would take back what the stored one says, or goes too far; `why` completes the sentence.
    #[must_use]
    pub fn regression(next: &Head, found: &Head, why: &str) -> Self {
        let context = format!(
            "{} {why} {}: an anchor only goes forward, step by step",
            Described(Some(next)),
            Described(Some(found))
        );
        let heads = Heads {
            expected: None,
            found: Some(found.clone()),
        };
        Self {
            heads: Some(Box::new(heads)),
            ..Self::new(ErrorKind::Regression, ADVANCE, context)
        }
    }

    /// The store keeps the anchor of the log that `found` belongs to, not of `asked`.
    #[must_use]
    pub fn wrong_log(operation: &'static str, asked: &ChainId, found: &ChainId) -> Self {
        Self::new(
            ErrorKind::WrongLog,
            operation,
            format!(
                "the store keeps the anchor of {found}, not of {asked}; give each log an anchor store of its own"
            ),
        )
    }

    /// An argument contradicts itself.
    #[must_use]
    pub fn invalid(operation: &'static str, context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, operation, context.into())
    }

    /// What is stored is no anchor; `context` says where it is kept and what is wrong with it.
    #[must_use]
    pub fn corrupt(operation: &'static str, context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, operation, context.into())
    }

    /// The store could not be reached, read or written; `context` names it.
    #[must_use]
    pub fn unavailable(
        operation: &'static str,
        context: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(ErrorKind::Unavailable, operation, context.into())
        }
    }

    /// Too few witnesses cosigned the next anchor; `context` says which did not, and why.
    #[must_use]
    pub fn unwitnessed(context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unwitnessed, ADVANCE, context.into())
    }

    /// The log has signed two heads that contradict each other; `context` says who showed the other one, and where both are
    /// kept.
    #[must_use]
    pub fn split_view(context: impl Into<String>) -> Self {
        Self::new(ErrorKind::SplitView, ADVANCE, context.into())
    }

    const fn new(kind: ErrorKind, operation: &'static str, context: String) -> Self {
        Self {
            kind,
            operation,
            context,
            heads: None,
            source: None,
        }
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was being done, as a short phrase such as `advance the anchor`.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// Of a conflict: the head that the caller took for the last one; `None` when it took the log for new.
    #[must_use]
    pub fn expected(&self) -> Option<&Head> {
        self.heads.as_ref()?.expected.as_ref()
    }

    /// Of a conflict or a regression: the head that is stored; `None` when there is none.
    #[must_use]
    pub fn found(&self) -> Option<&Head> {
        self.heads.as_ref()?.found.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.operation, self.context)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

/// A head in a sentence.
struct Described<'a>(Option<&'a Head>);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("no anchor"),
            Some(head) => write!(
                f,
                "record {} of {} (hash {})",
                head.seq, head.chain, head.hash
            ),
        }
    }
}
