//! The names of tenants.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Error, ErrorKind};

/// The name of a tenant, which is also the name of its directory: `[a-z0-9][a-z0-9_-]{0,62}`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantName(Arc<str>);

impl TenantName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let mut bytes = text.as_bytes().iter();
        let fits = text.len() <= 63
            && bytes.next().is_some_and(plain)
            && bytes.all(|byte| plain(byte) || matches!(byte, b'_' | b'-'));
        if fits {
            return Ok(Self(text.into()));
        }
        Err(Error::new(
            ErrorKind::InvalidName,
            "name a tenant",
            format!(
                "\"{}\" is no name; use up to 63 of a-z, 0-9, _ and -, beginning with a letter or digit",
                text.chars().take(80).collect::<String>().escape_debug()
            ),
        ))
    }
}

impl fmt::Display for TenantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_directories_that_cannot_climb() {
        for name in ["acme", "0", "a_b-c", &"a".repeat(63)] {
            assert_eq!(name.parse::<TenantName>().unwrap().as_str(), name);
        }
        for name in [
            "",
            "-a",
            "_a",
            "A",
            "a.b",
            "..",
            "a/b",
            "a\0",
            "é",
            &"a".repeat(64),
        ] {
            let error = name.parse::<TenantName>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidName, "{name}");
        }
    }
}
