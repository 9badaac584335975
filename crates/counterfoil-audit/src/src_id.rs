//! Where a record comes from: instance and lane.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// One run of a producer, drawn at random: 16 hexadecimal digits in records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instance(
    /// The number.
    pub u64,
);

impl Instance {
    /// The 16 digits.
    fn to_hex(self) -> [u8; 16] {
        let mut out = [0; 16];
        crate::body::text::hex_into(&self.0.to_be_bytes(), &mut out);
        out
    }

    pub(crate) fn from_hex(text: &[u8]) -> Option<Self> {
        let text: &[u8; 16] = text.try_into().ok()?;
        let mut number = 0;
        for digit in text {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            number = number << 4 | u64::from(value);
        }
        Some(Self(number))
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Instance {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_hex(text.as_bytes()).ok_or_else(|| {
            Error::invalid(
                "parse an instance",
                format!("{text:?} is not 16 lower-case hexadecimal digits"),
            )
        })
    }
}

/// One producer queue of an instance: `[a-z][a-z0-9_-]{0,31}`. `sealer` is the writer's own, `t0`, `t1` … belong to
/// threads, `shared` to callers that have none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane {
    // Zero-padded, so that the order of the arrays is the order of the texts.
    bytes: [u8; Self::MAX_LEN],
}

impl Lane {
    /// Longest name, in bytes.
    pub const MAX_LEN: usize = 32;

    /// The lane of the sealer's own records.
    #[must_use]
    pub fn sealer() -> Self {
        Self::padded(b"sealer")
    }

    /// The lane of callers that have no queue of their own.
    #[must_use]
    pub fn shared() -> Self {
        Self::padded(b"shared")
    }

    /// The lane of the thread queue with this number: `t0`, `t1` …
    #[must_use]
    pub fn thread(number: u32) -> Self {
        Self::padded(format!("t{number}").as_bytes())
    }

    /// Checks a name.
    ///
    /// # Errors
    /// When it does not follow the grammar above.
    pub fn new(name: &str) -> Result<Self, Error> {
        Self::from_text(name.as_bytes()).ok_or_else(|| {
            Error::invalid(
                "name a lane",
                format!("{name:?} is not [a-z][a-z0-9_-]{{0,31}}, such as t0"),
            )
        })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let len = self.bytes.iter().position(|b| *b == 0);
        let used = &self.bytes[..len.unwrap_or(Self::MAX_LEN)];
        // The constructors admit ASCII only, so this never takes the empty way out.
        std::str::from_utf8(used).unwrap_or_default()
    }

    pub(crate) fn from_text(name: &[u8]) -> Option<Self> {
        Self::accepts(name).then(|| Self::padded(name))
    }

    /// Whether `name` follows the grammar.
    #[inline]
    pub(crate) fn accepts(name: &[u8]) -> bool {
        name.len() <= Self::MAX_LEN
            && name.first().is_some_and(u8::is_ascii_lowercase)
            && name
                .iter()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
    }

    fn padded(name: &[u8]) -> Self {
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..name.len()].copy_from_slice(name);
        Self { bytes }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lane({self})")
    }
}

/// `<instance>/<lane>`, rendered once and copied into every record of the lane.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SrcId {
    bytes: [u8; Self::PADDED],
    len: u8,
}

impl SrcId {
    /// Room for the longest id, rounded up to what copies in whole vectors.
    const PADDED: usize = 64;

    /// The id of `lane` of `instance`.
    #[must_use]
    pub fn new(instance: Instance, lane: Lane) -> Self {
        let lane = lane.as_str().as_bytes();
        let mut bytes = [0; Self::PADDED];
        bytes[..16].copy_from_slice(&instance.to_hex());
        bytes[16] = b'/';
        bytes[17..17 + lane.len()].copy_from_slice(lane);
        Self {
            bytes,
            len: 17 + lane.len() as u8,
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The constructors admit ASCII only, so this never takes the empty way out.
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }

    /// The instance.
    #[must_use]
    pub fn instance(&self) -> Instance {
        // `new` wrote 16 digits there, so this never takes the way out.
        Instance::from_hex(&self.bytes[..16]).unwrap_or(Instance(0))
    }

    /// The lane.
    #[must_use]
    pub fn lane(&self) -> Lane {
        Lane::padded(&self.bytes[17..usize::from(self.len)])
    }

    /// The text with zeros behind it, and its length.
    pub(crate) const fn padded(&self) -> (&[u8; Self::PADDED], usize) {
        (&self.bytes, self.len as usize)
    }

    pub(crate) fn from_text(text: &[u8]) -> Option<Self> {
        let (instance, rest) = text.split_at_checked(16)?;
        let (b'/', lane) = rest.split_first()? else {
            return None;
        };
        Some(Self::new(
            Instance::from_hex(instance)?,
            Lane::from_text(lane)?,
        ))
    }
}

impl FromStr for SrcId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_text(text.as_bytes()).ok_or_else(|| {
            Error::invalid(
                "parse a source id",
                format!("{text:?} is not <16 hexadecimal digits>/<lane>"),
            )
        })
    }
}

impl fmt::Display for SrcId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SrcId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SrcId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_id_takes_itself_apart_again() {
        let lane = Lane::new(&"z".repeat(32)).unwrap();
        let id = SrcId::new(Instance(0x0123_4567_89ab_cdef), lane);
        assert_eq!(id.as_str(), format!("0123456789abcdef/{}", "z".repeat(32)));
        assert_eq!(
            (id.instance(), id.lane()),
            (Instance(0x0123_4567_89ab_cdef), lane)
        );
        assert_eq!(id.as_str().parse::<SrcId>().unwrap(), id);
    }

    #[test]
    fn other_spellings_of_a_lane_are_refused() {
        for name in ["", "T0", "0t", "a/b", &"z".repeat(33)] {
            assert!(Lane::new(name).is_err(), "{name} was accepted");
        }
    }
}
