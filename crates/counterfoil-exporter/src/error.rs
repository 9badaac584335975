//! The one error type of this crate.

use std::fmt;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What kind of thing went wrong, for callers that branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The exporter does not take this signal.
    Unsupported,
    /// The destination refused the batch and would refuse it again.
    Rejected,
    /// The destination cannot be reached or is overloaded. Worth another try.
    Unavailable,
    /// No answer in time. Worth another try, though the batch may have arrived.
    Timeout,
    /// A bounded queue or store has no room left. Worth another try once it has.
    Full,
    /// Writing failed, perhaps half-way.
    Io,
    /// A batch was accepted earlier and did not arrive since.
    Lost,
    /// A setting is out of its range.
    InvalidConfig,
    /// The exporter panicked; the panic was contained.
    Panicked,
    /// Some of several exporters failed; the others have the batch already.
    Partial,
}

/// A batch did not arrive, or a flush did not finish. `Display` says what, where and what to do next, and leaves the cause
/// to [`source`](std::error::Error::source).
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    context: String,
    source: Option<Source>,
}

impl Error {
    /// An error of `operation` (a short phrase such as `export a batch`); `context` is the rest of the sentence.
    pub fn new(kind: ErrorKind, operation: &'static str, context: impl Into<String>) -> Self {
        Self {
            kind,
            operation,
            context: context.into(),
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was being done.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Full
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.operation, self.context)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
