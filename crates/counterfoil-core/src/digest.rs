//! A SHA-256 value.

use std::fmt;
use std::str::FromStr;

use crate::{Error, hex};

/// 32 bytes of SHA-256: a record's hash, the RFC 6962 leaf that it is, or a tree's root.
///
/// Written and read as 64 lower-case hexadecimal digits; upper case is refused, because the audit format has one spelling
/// for each value.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; Self::LEN]);

impl Digest {
    /// Length in bytes.
    pub const LEN: usize = 32;
    /// 32 zero bytes: what the first record of a chain names as its predecessor.
    pub const ZERO: Self = Self([0; Self::LEN]);

    /// Wraps the bytes of a hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// 64 lower-case hexadecimal digits, on the stack.
    #[must_use]
    pub fn to_hex(&self) -> [u8; 64] {
        let mut out = [0; 64];
        hex::encode_into(&self.0, &mut out);
        out
    }

    /// Parses 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        hex::decode(text).map(Self)
    }
}

impl From<[u8; Self::LEN]> for Digest {
    fn from(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_hex(text.as_bytes()).ok_or_else(|| {
            Error::invalid(
                "parse a digest",
                format!("{text:?} is not 64 lower-case hexadecimal digits"),
            )
        })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(&self.0, f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}
