//! The one error type of this crate.

use std::error::Error as StdError;
use std::fmt;

/// What kind of thing went wrong, for callers that branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A value that was to be sealed, or a setting, breaks a rule of the audit specification; nothing was written.
    Invalid,
    /// Stored lines, a head or an anchor contradict each other; nothing was changed.
    Corrupt,
    /// Records that somebody vouches for are not there.
    Missing,
    /// A value was erased, or its opening is not there.
    Gone,
    /// Another writer holds the log, or moved its head.
    Conflict,
    /// The queue has no room and the policy is to fail.
    Full,
    /// The log was closed, or its sealer ended.
    Closed,
    /// A deadline passed.
    Timeout,
    /// Reading or writing failed.
    Io,
    /// The disk, or a quota on it, is full.
    NoSpace,
    /// The signer failed.
    Signer,
}

/// An audit operation that failed. `Display` says what, where and what to do next; the cause is in
/// [`source`](StdError::source).
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    context: String,
    source: Option<Box<dyn StdError + Send + Sync + 'static>>,
}

impl Error {
    /// An `operation` that failed; `context` is the rest of the sentence.
    pub(crate) fn new(
        kind: ErrorKind,
        operation: &'static str,
        context: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            operation,
            context: context.into(),
            source: None,
        }
    }

    /// A value that `operation` refused.
    pub(crate) fn invalid(operation: &'static str, context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, operation, context)
    }

    /// Adds what caused it.
    #[must_use]
    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync + 'static>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was being done, as a short phrase such as `seal a record`.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.operation
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.operation, self.context)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
