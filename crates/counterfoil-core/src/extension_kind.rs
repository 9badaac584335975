//! Names for what other domains record.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Name};

/// The kind of an event or record of another domain than leases: `[a-z][a-z0-9_]{0,31}\.[a-z][a-z0-9_]{0,62}`, a namespace and
/// a name (audit specification §4).
///
/// Making one registers it: its grammar is checked and its name interned, so that recording under it does neither. The dot
/// keeps it apart from our own kinds, none of which has one.
///
/// ```
/// use counterfoil_core::ExtensionKind;
/// let kind: ExtensionKind = "vault.object_put".parse()?;
/// assert_eq!(kind.as_str(), "vault.object_put");
/// assert!("lease_expired".parse::<ExtensionKind>().is_err());
/// # Ok::<(), counterfoil_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExtensionKind(Name);

impl ExtensionKind {
    /// Checks and keeps a name.
    ///
    /// # Errors
    /// When it does not follow the grammar above.
    pub fn new(name: &Name) -> Result<Self, Error> {
        if Self::is_valid(name.as_str().as_bytes()) {
            Ok(Self(name.clone()))
        } else {
            Err(Error::invalid(
                "name an extension kind",
                format!(
                    "{name:?} is not <namespace>.<name> in lower case, such as vault.object_put"
                ),
            ))
        }
    }

    /// Whether `text` follows the grammar above.
    #[must_use]
    pub fn is_valid(text: &[u8]) -> bool {
        let Some(dot) = text.iter().position(|byte| *byte == b'.') else {
            return false;
        };
        is_word(&text[..dot], 32) && is_word(&text[dot + 1..], 63)
    }

    /// A name that was checked when it was encoded, or `overflow` for one that had no number.
    pub(crate) const fn decoded(name: Name) -> Self {
        Self(name)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The text as a name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.0
    }
}

impl FromStr for ExtensionKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(&Name::new(text))
    }
}

impl fmt::Display for ExtensionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn is_word(text: &[u8], most: usize) -> bool {
    text.len() <= most
        && text.first().is_some_and(u8::is_ascii_lowercase)
        && text
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_namespace_and_a_name_make_a_kind() {
        let (longest, too_long) = (
            format!("n.{}", "x".repeat(63)),
            format!("n.{}", "x".repeat(64)),
        );
        for good in ["a.b", "vault.object_put", "n0_.x9", &longest] {
            assert!(good.parse::<ExtensionKind>().is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "a.",
            ".b",
            "lease_expired",
            "a.b.c",
            "A.b",
            "a.B",
            "1a.b",
            "a._b",
            "a-b.c",
            &too_long,
        ] {
            assert!(bad.parse::<ExtensionKind>().is_err(), "{bad}");
        }
    }
}
