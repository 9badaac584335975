//! The one error type of this crate, and what a collector says when it refuses.

use std::fmt;
use std::time::Duration;

use counterfoil_core::Digest;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What kind of thing went wrong, for callers that branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is out of its range.
    InvalidConfig,
    /// The collector refused, and says why in [`Error::refused`].
    Refused,
    /// The collector cannot be reached, or went away. Worth another try.
    Unavailable,
    /// No answer in time. Worth another try: what arrived already is known then.
    Timeout,
    /// What answered does not speak the collector's protocol.
    Protocol,
    /// The cursor or the log on this side cannot be read or written.
    Io,
}

/// Something was not shipped. `Display` says what, where and what to do next, and leaves the cause to
/// [`source`](std::error::Error::source).
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    context: String,
    source: Option<Source>,
    refused: Option<Box<Refused>>,
}

/// What a collector says when it refuses (RFC 9457). Nobody vouches for its words: escape them at the sink.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The stable code of the reason, such as `fork`; empty where the answer has none.
    pub code: String,
    /// The reason in a sentence.
    pub detail: String,
    /// The number of the record that was refused.
    pub seq: Option<u64>,
    /// The head that the collector expects the next record to follow; number 0 before the first.
    pub expected: Option<(u64, Digest)>,
    /// Every record up to this one is durable there.
    pub acknowledged: Option<u64>,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Refused {
    /// Whether the same request may be taken later: the collector is busy, full or starting.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(self.status, 408 | 429 | 500..=599)
    }
}

impl Error {
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
            refused: None,
        }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn with_refused(mut self, refused: Refused) -> Self {
        self.refused = Some(Box::new(refused));
        self
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was being done, as a short phrase.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// What the collector said, where it refused.
    #[must_use]
    pub fn refused(&self) -> Option<&Refused> {
        self.refused.as_deref()
    }

    /// Whether the same request may succeed later without anybody doing anything on this side.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self.kind {
            ErrorKind::Unavailable | ErrorKind::Timeout => true,
            ErrorKind::Refused => self.refused().is_some_and(Refused::is_temporary),
            ErrorKind::InvalidConfig | ErrorKind::Protocol | ErrorKind::Io => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.operation, self.context)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}
