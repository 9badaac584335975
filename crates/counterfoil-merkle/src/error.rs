//! The one error type of this crate.

use std::fmt;

/// What kind of thing went wrong, for callers that branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A text or a number from outside does not have the form that its format asks for.
    Invalid,
    /// The form is right, but one of the format's limits is exceeded.
    TooLarge,
    /// The form is right, but what it states is true of no tree: a root for size 0 that is not the empty root. A witness
    /// answers it with 422 where it answers what is malformed with 400.
    Contradictory,
}

/// A value was refused. `Display` says what was read, what is wrong with it and what a valid one looks like.
///
/// A note that is well formed and does not verify is no error of this type: see [`NoteRejected`](crate::note::NoteRejected).
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    context: String,
}

impl Error {
    pub(crate) fn invalid(operation: &'static str, context: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Invalid,
            operation,
            context: context.into(),
        }
    }

    pub(crate) fn too_large(operation: &'static str, context: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::TooLarge,
            operation,
            context: context.into(),
        }
    }

    pub(crate) fn contradictory(operation: &'static str, context: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Contradictory,
            operation,
            context: context.into(),
        }
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was being done, as a short phrase such as `parse a signed note`.
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
