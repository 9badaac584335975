//! The one error type of this crate, with what a collector says when it refuses.

use std::fmt;
use std::time::Duration;

use counterfoil_core::Digest;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What kind of thing went wrong, for callers that branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting cannot be used.
    InvalidConfig,
    /// The collector cannot be reached, or the connection broke. Worth another try.
    Unreachable,
    /// No answer in time. Worth another try: what has arrived is known to the collector.
    Timeout,
    /// The collector refused; [`Error::refusal`] is what it said.
    Refused,
    /// It answered, and not as a collector does.
    Protocol,
    /// The cursor or the log cannot be read or written.
    Io,
    /// The log and the collector, or the log and its cursor, have different records of one number.
    Fork,
}

/// Something could not be sent or asked. `Display` says what, where and what to do next, and leaves the cause to
/// [`source`](std::error::Error::source).
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    context: String,
    source: Option<Source>,
    refusal: Option<Box<Refusal>>,
}

/// What a collector says when it refuses (RFC 9457). The texts are its own: bounded and escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The stable code of the reason, such as `fork`; empty when the answer had none, as that of a proxy.
    pub code: String,
    /// A sentence for people.
    pub detail: String,
    /// The number of the record that was refused.
    pub seq: Option<u64>,
    /// The head that the collector expects the next record to follow: number and hash; number 0 before the first.
    pub expected: Option<(u64, Digest)>,
    /// Every record up to this one is durable there.
    pub acknowledged: Option<u64>,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Whether the same request may be taken later, without anybody changing it.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(self.status, 408 | 425 | 429 | 500 | 502 | 503 | 504 | 507)
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
            refusal: None,
        }
    }

    #[must_use]
    pub(crate) fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    #[must_use]
    pub(crate) fn with_refusal(mut self, refusal: Refusal) -> Self {
        self.refusal = Some(Box::new(refusal));
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

    /// What the collector said, where it refused.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_deref()
    }

    /// Whether the same call may succeed later, without anybody changing something.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.kind {
            ErrorKind::Unreachable | ErrorKind::Timeout => true,
            ErrorKind::Refused => self.refusal().is_some_and(Refusal::is_temporary),
            _ => false,
        }
    }

    /// A stable word for why: the collector's code, or one of our own. The label `reason` of metrics.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self.kind {
            ErrorKind::InvalidConfig => "config",
            ErrorKind::Unreachable => "unreachable",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Protocol => "protocol",
            ErrorKind::Io => "io",
            ErrorKind::Fork => "fork",
            ErrorKind::Refused => match self.refusal() {
                Some(refusal) if !refusal.code.is_empty() => &refusal.code,
                _ => "refused",
            },
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
        self.source.as_deref().map(|source| source as _)
    }
}
