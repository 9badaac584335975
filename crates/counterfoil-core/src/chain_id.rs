//! The name of a chain: C2SP origin, log key name and `chain.id` at once.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::Error;

/// `<dns name with a dot>(/[a-z0-9][a-z0-9_-]{0,62}){1,3}/<incarnation, decimal from 1>`, at most 200 bytes
/// (audit specification §2).
///
/// A schema-less URL that is compared byte for byte. Cheap to clone.
///
/// ```
/// use counterfoil_core::ChainId;
/// let id: ChainId = "audit.example.com/leases/1".parse()?;
/// assert_eq!(id.incarnation(), 1);
/// assert_eq!(id.next_incarnation()?.as_str(), "audit.example.com/leases/2");
/// assert!("leases/1".parse::<ChainId>().is_err());
/// # Ok::<(), counterfoil_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainId(Arc<str>);

impl ChainId {
    /// Longest id, in bytes.
    pub const MAX_LEN: usize = 200;

    /// Parses an id.
    ///
    /// # Errors
    /// When the text does not follow the grammar above; the message names the part that does not.
    pub fn new(text: &str) -> Result<Self, Error> {
        check(text).map(|_| Self(text.into())).map_err(|why| {
            Error::invalid(
                "parse a chain id",
                format!("{text:?} {why}; an id looks like audit.example.com/leases/1"),
            )
        })
    }

    /// The first incarnation of the log named `base`, such as `audit.example.com/leases`.
    ///
    /// # Errors
    /// When `base` with `/1` behind it is no chain id.
    pub fn first(base: &str) -> Result<Self, Error> {
        Self::new(&format!("{base}/1"))
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id without its incarnation: what stays the same when a log has to begin anew.
    #[must_use]
    pub fn base(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(base, _)| base)
    }

    /// The last component, from 1.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.0
            .rsplit_once('/')
            .and_then(|(_, number)| number.parse().ok())
            .unwrap_or(1)
    }

    /// The id under which this log goes on after a restart of its chain.
    ///
    /// # Errors
    /// When there is none: the number would not fit into 64 bits, or the id not into [`MAX_LEN`](Self::MAX_LEN).
    pub fn next_incarnation(&self) -> Result<Self, Error> {
        match self.incarnation().checked_add(1) {
            Some(next) => Self::new(&format!("{}/{next}", self.base())),
            None => Err(Error::invalid(
                "name the next incarnation",
                format!("{self} has the last number there is; give the log another name"),
            )),
        }
    }
}

/// Checks the grammar; an `Err` completes the sentence "<text> …".
fn check(text: &str) -> Result<(), &'static str> {
    if text.len() > ChainId::MAX_LEN {
        return Err("is longer than 200 bytes");
    }
    let mut parts = text.split('/');
    let host = parts.next().unwrap_or_default();
    if !is_dns_name(host) {
        return Err("does not begin with a DNS name that has a dot");
    }
    let mut rest: Vec<&str> = parts.collect();
    let incarnation = rest.pop().unwrap_or_default();
    if !is_incarnation(incarnation) {
        return Err("does not end with an incarnation (a decimal number from 1, no leading zero)");
    }
    if !(1..=3).contains(&rest.len()) {
        return Err("does not have one to three path components between name and incarnation");
    }
    if rest.iter().all(|part| is_component(part)) {
        Ok(())
    } else {
        Err("has a path component that is not [a-z0-9][a-z0-9_-]{0,62}")
    }
}

fn is_dns_name(host: &str) -> bool {
    host.contains('.')
        && host.len() <= 253
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

fn is_component(part: &str) -> bool {
    part.len() <= 63
        && part
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && part
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

fn is_incarnation(part: &str) -> bool {
    part.bytes().all(|b| b.is_ascii_digit())
        && !part.starts_with('0')
        && part.parse::<u64>().is_ok()
}

impl FromStr for ChainId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainId({})", self.0)
    }
}
