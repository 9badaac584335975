//! Free text, and what stands in for it.

use counterfoil_core::{Digest, Name, Pseudonym};

use crate::Forgettable;

/// Longest text that is sealed whole, in bytes of UTF-8; a longer one goes by length and digest.
pub const MAX_TEXT: usize = 1_024;

/// A member of type *text* (audit specification §3): a string, or one of the two forms that stand in for one.
///
/// A [`Plain`](Self::Plain) text of more than [`MAX_TEXT`] bytes is sealed as [`Truncated`](Self::Truncated), with the
/// length and the digest of all of it; U+0000 is sealed as U+FFFD.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the set is fixed by version 1 of the format"
)]
pub enum Text {
    /// The text itself.
    Plain(String),
    /// A text that was too long.
    Truncated(Truncated),
    /// A commitment to a value that can be forgotten (§9).
    Erasable(Digest),
    /// A value to be sealed as [`Erasable`](Self::Erasable); no record that was read holds one. Made by
    /// [`erasable`](Self::erasable).
    Forgettable(Forgettable),
}

/// Length and digest of what was too long to be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated {
    /// Length of what was left out, in bytes.
    pub bytes: u64,
    /// SHA-256 of what was left out.
    pub sha256: Digest,
}

impl Truncated {
    /// Length and digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len() as u64,
            sha256: crate::hash::sha256(bytes),
        }
    }
}

impl Text {
    /// The text, where it is there.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Plain(text) => Some(text),
            Self::Truncated(_) | Self::Erasable(_) | Self::Forgettable(_) => None,
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::Plain(text.to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Plain(text)
    }
}

impl From<&Pseudonym> for Text {
    fn from(pseudonym: &Pseudonym) -> Self {
        pseudonym.name().into()
    }
}

impl From<&Name> for Text {
    fn from(name: &Name) -> Self {
        Self::Plain(name.as_str().to_owned())
    }
}
