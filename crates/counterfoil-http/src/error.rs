//! The one error type of this crate.

use std::{fmt, io};

/// What kind of thing went wrong, for callers that branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Another process listens at the address.
    AddressTaken,
    /// The address cannot be listened at for another reason.
    Listen,
    /// The server's thread could not be started, or ended in a panic.
    Thread,
}

/// A server could not be started or stopped.
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
