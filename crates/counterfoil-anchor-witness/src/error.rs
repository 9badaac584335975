//! The one error type of the witness. The anchor store's errors are those of its contract.

use std::error::Error as StdError;
use std::fmt;
use std::io;

/// What kind of thing went wrong, for callers that branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A key, a policy or a directory that the witness was given cannot be used.
    Invalid,
    /// The witness's state cannot be read or written, or is not what the witness wrote.
    Storage,
}

/// A witness could not be made, or could not do its work. `Display` says which, why, and what to do.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    context: String,
    source: Option<io::Error>,
}

impl Error {
    pub(crate) fn invalid(operation: &'static str, context: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Invalid,
            operation,
            context: context.into(),
            source: None,
        }
    }

    pub(crate) fn state(operation: &'static str, context: String, source: io::Error) -> Self {
        Self {
            kind: ErrorKind::Storage,
            operation,
            context,
            source: Some(source),
        }
    }

    pub(crate) fn storage(operation: &'static str, origin: &str, source: io::Error) -> Self {
        Self::state(
            operation,
            format!("what was cosigned last for {origin} cannot be used"),
            source,
        )
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

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|it| it as _)
    }
}
