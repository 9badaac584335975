//! The one error type of this crate.

use std::fmt;
use std::time::Duration;

use crate::batch::Batch;

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
    /// The destination answered, and not in its protocol: what became of the batch is not known.
    Protocol,
}

/// A batch did not arrive, or a flush did not finish. `Display` says what, where and what to do next, and leaves the cause
/// to [`source`](std::error::Error::source).
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    context: String,
    source: Option<Source>,
    retry_after: Option<Duration>,
    part: Option<Box<Part>>,
}

/// What did not arrive of a batch of which something did.
#[derive(Debug)]
struct Part {
    lost: u64,
    rest: Option<Batch>,
}

impl Error {
    /// An error of `operation` (a short phrase such as `export a batch`); `context` is the rest of the sentence.
    pub fn new(kind: ErrorKind, operation: &'static str, context: impl Into<String>) -> Self {
        Self {
            kind,
            operation,
            context: context.into(),
            source: None,
            retry_after: None,
            part: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds how long the destination asks to be left alone.
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Says that part of the batch has arrived: `lost` items did not and never will, and another attempt has to send `rest`
    /// only. Without this the whole batch did not arrive.
    #[must_use]
    pub fn with_part(mut self, lost: u64, rest: Option<Batch>) -> Self {
        self.part = Some(Box::new(Part { lost, rest }));
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

    /// How long the destination asked to be left alone, where it did.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What another attempt has to send, where that is not the whole batch.
    #[must_use]
    pub fn rest(&self) -> Option<&Batch> {
        self.part.as_ref()?.rest.as_ref()
    }

    /// How many items are lost whatever comes of another attempt at the rest.
    pub(crate) fn lost(&self) -> u64 {
        self.part.as_ref().map_or(0, |part| part.lost)
    }

    /// How many items of a batch of `items` have not arrived.
    #[must_use]
    pub fn undelivered(&self, items: u64) -> u64 {
        self.part.as_ref().map_or(items, |part| {
            let rest = part.rest.as_ref().map_or(0, Batch::len) as u64;
            items.min(part.lost.saturating_add(rest))
        })
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
