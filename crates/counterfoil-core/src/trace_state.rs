//! The `tracestate` header.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::Error;

/// What other tracing systems have to say about a trace: the content of `tracestate`, in one line.
///
/// It is passed on and never read. Its grammar is that of W3C Trace Context; a list with a member that breaks it, with the
/// same key twice or with more than [`MAX_MEMBERS`](Self::MAX_MEMBERS) members is refused as a whole, as the recommendation
/// asks. A list of more than [`MAX_LEN`](Self::MAX_LEN) bytes loses whole members: those above 128 bytes first, then the
/// last ones. Cheap to clone.
///
/// ```
/// use counterfoil_core::TraceState;
/// let state: TraceState = "congo=t61rcWkgMzE , rojo=00f067aa0ba902b7".parse()?;
/// assert_eq!(state.as_str(), "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
/// assert!("no value".parse::<TraceState>().is_err());
/// # Ok::<(), counterfoil_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TraceState(Arc<str>);

impl TraceState {
    /// Most members.
    pub const MAX_MEMBERS: usize = 32;
    /// Most bytes that are kept.
    pub const MAX_LEN: usize = 512;
    /// Longest list that is looked at, over all headers.
    const MAX_INPUT: usize = 8 * 1024;
    /// A member that is longer goes first when there is too much.
    const LONG_MEMBER: usize = 128;

    /// The list as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The list of several headers, joined in their order; `None` when it is empty or malformed.
    pub(crate) fn from_headers(headers: &[&[u8]]) -> Option<Self> {
        let input: usize = headers.iter().map(|it| it.len()).sum();
        if input > Self::MAX_INPUT {
            return None;
        }
        let mut members = Members::default();
        for part in headers.iter().flat_map(|it| it.split(|b| *b == b',')) {
            let member = trim(part);
            if !member.is_empty() {
                members.push(member)?;
            }
        }
        members.shorten();
        Some(Self(members.join()?.into()))
    }
}

/// Members of a list that is being read.
struct Members<'a> {
    list: [&'a [u8]; TraceState::MAX_MEMBERS],
    len: usize,
}

impl Default for Members<'_> {
    fn default() -> Self {
        Self {
            list: [&[]; TraceState::MAX_MEMBERS],
            len: 0,
        }
    }
}

impl<'a> Members<'a> {
    fn all(&self) -> &[&'a [u8]] {
        &self.list[..self.len]
    }

    fn push(&mut self, member: &'a [u8]) -> Option<()> {
        let (key, value) = split(member)?;
        let valid = is_key(key) && is_value(value);
        let known = self
            .all()
            .iter()
            .any(|it| split(it).is_some_and(|it| it.0 == key));
        if !valid || known {
            return None;
        }
        *self.list.get_mut(self.len)? = member;
        self.len += 1;
        Some(())
    }

    /// Length of the list with its commas.
    fn size(&self) -> usize {
        let members: usize = self.all().iter().map(|it| it.len()).sum();
        members + self.len.saturating_sub(1)
    }

    fn shorten(&mut self) {
        while self.size() > TraceState::MAX_LEN {
            let long = self
                .all()
                .iter()
                .rposition(|it| it.len() > TraceState::LONG_MEMBER);
            let goes = long.unwrap_or(self.len - 1);
            self.list.copy_within(goes + 1..self.len, goes);
            self.len -= 1;
        }
    }

    /// `None` when nothing is left. Members are ASCII, so they are text.
    fn join(&self) -> Option<String> {
        (self.len > 0)
            .then(|| String::from_utf8(self.all().join(&b',')).ok())
            .flatten()
    }
}

/// Without the white space that may stand around a member or a header's value.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let from = text.iter().position(|it| !blank(it)).unwrap_or(text.len());
    let to = text
        .iter()
        .rposition(|it| !blank(it))
        .map_or(from, |it| it + 1);
    &text[from..to]
}

fn split(member: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = member.iter().position(|it| *it == b'=')?;
    Some((&member[..at], &member[at + 1..]))
}

/// A simple key of up to 256 characters, or `tenant@system` of up to 241 and 14.
fn is_key(key: &[u8]) -> bool {
    let word = |text: &[u8], most: usize| {
        text.len() <= most
            && text.iter().all(|b| {
                b.is_ascii_lowercase()
                    || b.is_ascii_digit()
                    || matches!(b, b'_' | b'-' | b'*' | b'/')
            })
    };
    let first_is = |text: &[u8], allowed: fn(&u8) -> bool| text.first().is_some_and(allowed);
    let any = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    match key.iter().position(|it| *it == b'@') {
        None => word(key, 256) && first_is(key, any),
        Some(at) => {
            let (tenant, system) = (&key[..at], &key[at + 1..]);
            word(tenant, 241)
                && first_is(tenant, any)
                && word(system, 14)
                && first_is(system, u8::is_ascii_lowercase)
        }
    }
}

fn is_value(value: &[u8]) -> bool {
    (1..=256).contains(&value.len())
        && value.last() != Some(&b' ')
        && value
            .iter()
            .all(|b| matches!(b, 0x20..=0x7e) && !matches!(b, b',' | b'='))
}

impl FromStr for TraceState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_headers(&[text.as_bytes()]).ok_or_else(|| {
            Error::invalid(
                "parse a tracestate",
                format!(
                    "{text:?} is not a list of at most {} different key=value members",
                    Self::MAX_MEMBERS
                ),
            )
        })
    }
}

impl From<TraceState> for Arc<str> {
    fn from(state: TraceState) -> Self {
        state.0
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceState({:?})", self.as_str())
    }
}
