//! Ids of high cardinality, which are never interned.

use std::fmt;
use std::str::FromStr;

use crate::{Error, TraceId, hex};

/// A lease. Audit records carry it as a decimal string, because JSON numbers lose integers above 2^53.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseId(
    /// The number that the lease manager gave it.
    pub u64,
);

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u64> for LeaseId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

impl FromStr for LeaseId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.parse().map(Self).map_err(|_| {
            Error::invalid(
                "parse a lease id",
                format!("{text:?} is not a decimal number below 2^64"),
            )
        })
    }
}

/// A request id (`X-Request-Id`): 1 to 64 bytes of `[A-Za-z0-9._-]`, inline, so that copying it allocates nothing.
///
/// ```
/// use counterfoil_core::RequestId;
/// let id: RequestId = "req-42".parse()?;
/// assert_eq!(id.as_str(), "req-42");
/// assert!("two words".parse::<RequestId>().is_err());
/// # Ok::<(), counterfoil_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId {
    len: u8,
    bytes: [u8; Self::MAX_LEN],
}

impl RequestId {
    /// Longest id, in bytes.
    pub const MAX_LEN: usize = 64;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The constructor admits ASCII only, so this never takes the empty way out.
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }

    pub(crate) fn from_bytes(text: &[u8]) -> Option<Self> {
        let valid = (1..=Self::MAX_LEN).contains(&text.len())
            && text
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if !valid {
            return None;
        }
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..text.len()].copy_from_slice(text);
        Some(Self {
            len: u8::try_from(text.len()).ok()?,
            bytes,
        })
    }
}

impl FromStr for RequestId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_bytes(text.as_bytes()).ok_or_else(|| {
            Error::invalid(
                "parse a request id",
                format!("{text:?} is not 1 to 64 characters of [A-Za-z0-9._-]"),
            )
        })
    }
}

impl From<TraceId> for RequestId {
    /// A request id out of the bytes of a fresh id, as 32 hexadecimal digits.
    fn from(id: TraceId) -> Self {
        let mut bytes = [0; Self::MAX_LEN];
        hex::encode_into(id.as_bytes(), &mut bytes[..32]);
        Self { len: 32, bytes }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}
