//! The one error type of this crate.

use std::fmt;

/// What kind of thing went wrong, for callers that branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A text or a number from outside does not have the form that its type asks for.
    Invalid,
}

/// A value was refused. `Display` says what was read, what is wrong with it and what a valid one looks like.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    context: String,
}

impl Error {
    /// A value that `operation` refused; `context` is the rest of the sentence.
    pub(crate) fn invalid(operation: &'static str, context: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Invalid,
            operation,
            context: context.into(),
        }
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was being done, as a short phrase such as `parse a chain id`.
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

impl std::error::Error for Error {}
