//! A value that is to be sealed as a commitment.

use std::fmt;

use counterfoil_core::REDACTED;
use zeroize::Zeroizing;

use crate::body::json::JsonOut;
use crate::body::tree;
use crate::{Error, Text, Truncated, Value};

/// Longest JSON text of a value that can be forgotten, in bytes.
pub const MAX_FORGETTABLE: usize = 65_535;

/// A value that a record is to hold by commitment only, so that it can be forgotten later: made by [`Text::erasable`] and
/// [`Value::erasable`].
///
/// A log seals it as [`Text::Erasable`] and keeps the value and its salt in `openings/`, until
/// [`AuditLog::erase`](crate::AuditLog::erase) destroys them. A chain without a log has no such place and refuses it. It prints
/// as `[REDACTED]`, and its memory is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Forgettable {
    /// The canonical JSON text, which is what is committed to.
    json: Zeroizing<Vec<u8>>,
}

impl Forgettable {
    /// With room for `room` bytes: what a growing buffer leaves behind is not overwritten.
    fn of(room: usize, write: impl FnOnce(&mut JsonOut<'_>)) -> Self {
        let mut json = Zeroizing::new(Vec::with_capacity(room));
        write(&mut JsonOut::new(&mut json));
        Self { json }
    }

    /// A text. One that is too long even for an opening goes by length and digest.
    pub(crate) fn text(text: &str) -> Self {
        // Six bytes for a control character are the longest escape.
        let whole = Self::of(6 * text.len() + 2, |json| json.string(text));
        if whole.json.len() <= MAX_FORGETTABLE {
            return whole;
        }
        Self::of(256, |json| json.truncated(&Truncated::of(text.as_bytes())))
    }

    /// Any value that holds no erasable one itself.
    pub(crate) fn value(value: &Value) -> Result<Self, Error> {
        let refuse = |why: &str| Error::invalid("make a value erasable", why);
        value.check_bounds().map_err(|why| refuse(&why))?;
        if value.holds_erasable() {
            return Err(refuse(
                "it holds an erasable value itself; mark one of the two",
            ));
        }
        let made = Self::of(MAX_FORGETTABLE, |json| json.value(value));
        if made.json.len() > MAX_FORGETTABLE {
            return Err(refuse(
                "its JSON text is longer than 65535 bytes; keep it elsewhere and seal its digest",
            ));
        }
        Ok(made)
    }

    /// The canonical JSON text.
    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    /// The value again, to be redacted.
    pub(crate) fn to_value(&self) -> Value {
        tree::of(&self.json)
    }
}

impl fmt::Debug for Forgettable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Text {
    /// A text that can be forgotten: its record will hold a commitment, and the text itself lies in the log's `openings/` until
    /// it is erased (audit specification §9). For what identifies a person.
    ///
    /// ```
    /// use counterfoil_audit::Text;
    /// let name = Text::erasable("alice@example.com");
    /// assert_eq!(format!("{name:?}"), "Forgettable([REDACTED])");
    /// ```
    #[must_use]
    pub fn erasable(text: &str) -> Self {
        Self::Forgettable(Forgettable::text(text))
    }
}

impl Value {
    /// A value that can be forgotten, as [`Text::erasable`].
    ///
    /// # Errors
    /// When it holds an integer beyond 2^53−1 or another erasable value, nests more than 13 levels, or when its JSON text is
    /// longer than [`MAX_FORGETTABLE`].
    ///
    /// ```
    /// use counterfoil_audit::{Object, Value};
    /// let mut address = Object::new();
    /// address.insert("city", "Oslo")?;
    /// let mut data = Object::new();
    /// data.insert("address", Value::erasable(address)?)?;
    /// # Ok::<(), counterfoil_audit::Error>(())
    /// ```
    pub fn erasable(value: impl Into<Self>) -> Result<Self, Error> {
        Forgettable::value(&value.into()).map(|made| Self::Text(Text::Forgettable(made)))
    }
}
