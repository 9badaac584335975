//! The error types of this crate: one for keys, one opaque one for signing.

use std::error::Error as StdError;
use std::fmt;

/// What kind of thing went wrong, for callers that branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A key or a name does not have the form that it must have.
    InvalidKey,
    /// A file with a private key can be read by others than its owner.
    UnsafePermissions,
    /// There is no such key: the file or the environment variable is missing.
    NotFound,
    /// The same key is given twice, or one name and id stand for two keys.
    Duplicate,
    /// The operating system or the source of randomness refused.
    Io,
}

/// A key was refused. `Display` says which key, what is wrong and what to do; it never shows key material.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    context: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An `operation`, such as `read a signing key`, that failed; `context` is the rest of the sentence: which key, what is
    /// wrong, what to do. For whoever keeps keys elsewhere; neither may hold key material.
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
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was being done, as a short phrase such as `read a signing key`.
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
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

/// Signing failed, and that is all that can be said without helping whoever probes the key.
///
/// A signer that asks another machine attaches the transport's error as [`source`](StdError::source); a local one never
/// attaches anything.
#[derive(Debug, Default)]
pub struct SignError {
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl SignError {
    /// Signing failed.
    #[must_use]
    pub const fn new() -> Self {
        Self { source: None }
    }

    /// Signing failed because another machine could not be asked or did not answer.
    #[must_use]
    pub fn from_source(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
        }
    }
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("signing failed")
    }
}

impl StdError for SignError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}
