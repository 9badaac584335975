//! The one error type of this crate.

use std::{fmt, io};

/// What kind of thing went wrong, for callers that branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A name is not of the form that names have.
    InvalidName,
    /// Another check has this name.
    NameTaken,
    /// There are as many checks as a registry takes.
    TooMany,
    /// The thread that runs the checks could not be started, or has ended.
    Thread,
}

/// Checks could not be registered or started.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    context: String,
    source: Option<io::Error>,
}

impl Error {
    pub(crate) const fn new(
        kind: ErrorKind,
        operation: &'static str,
        context: String,
        source: Option<io::Error>,
    ) -> Self {
        Self {
            kind,
            operation,
            context,
            source,
        }
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
        self.source.as_ref().map(|it| it as _)
    }
}
