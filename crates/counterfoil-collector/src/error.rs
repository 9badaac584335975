//! The one error type of this crate. What a producer or a reader is refused is a [`Refusal`](crate::Refusal) instead.

use std::fmt;
use std::io;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What kind of thing went wrong, for callers that branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A name is not of the form that names have.
    InvalidName,
    /// A setting is out of its range, or contradicts another.
    InvalidConfig,
    /// Reading or writing failed.
    Io,
    /// There is no room left on the disk.
    Full,
    /// It is there already, and is another one.
    Conflict,
    /// What is stored contradicts itself.
    Corrupt,
    /// Another process holds the data directory.
    Locked,
    /// The address cannot be listened at.
    Bind,
    /// A certificate, a key or a credential cannot be used.
    Credential,
    /// It has stopped, or is stopping.
    Stopped,
}

/// The collector could not start or go on. `Display` says what, where and what to do next, and leaves the cause to
/// [`source`](std::error::Error::source).
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    context: String,
    source: Option<Source>,
}

impl Error {
    /// An error of `operation` (a short phrase such as `open the data directory`); `context` is the rest of the sentence.
    pub fn new(kind: ErrorKind, operation: &'static str, context: impl Into<String>) -> Self {
        Self {
            kind,
            operation,
            context: context.into(),
            source: None,
        }
    }

    /// An error of the operating system: [`Full`](ErrorKind::Full) where there is no room, else [`Io`](ErrorKind::Io).
    pub fn io(operation: &'static str, context: impl Into<String>, error: io::Error) -> Self {
        let full = matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        );
        let kind = if full { ErrorKind::Full } else { ErrorKind::Io };
        Self::new(kind, operation, context).with_source(error)
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

    /// What was being done, as a short phrase.
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

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}
