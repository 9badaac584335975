//! Where an object is found: the SHA-256 of what it holds.

use std::fmt;
use std::str::FromStr;

use counterfoil::Digest;
use sha2::Digest as _;

use crate::errors::MALFORMED;

/// The SHA-256 of an object, in text 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address(Digest);

impl Address {
    /// The address of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Digest::from_bytes(sha2::Sha256::digest(bytes).into()))
    }

    pub(crate) const fn digest(self) -> Digest {
        self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Address {
    type Err = counterfoil::tower::ErrorCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Digest::from_hex(text.as_bytes()).map(Self).ok_or(MALFORMED)
    }
}
