//! The small JSON that an extension's data may hold.

use std::collections::BTreeMap;

use crate::{Error, Text};

/// Integers beyond this lose precision in JSON readers; they go as decimal strings (audit specification §2).
pub const MAX_INTEGER: u64 = (1 << 53) - 1;
/// Longest key, in bytes.
const MAX_KEY: usize = 128;
/// `event.data` has depth 3, and the deepest object of a body 16.
const MAX_DATA_DEPTH: usize = 14;

/// A value of extension data: what the audit specification leaves of JSON (no fraction, no `null`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the set is fixed by version 1 of the format"
)]
pub enum Value {
    /// A string, or what stands in for one.
    Text(Text),
    /// An integer of at most 2^53−1 in magnitude.
    Integer(i64),
    /// `true` or `false`.
    Bool(bool),
    /// An array.
    Array(Vec<Self>),
    /// An object.
    Object(Object),
}

impl Value {
    /// Levels of objects and arrays in this value.
    fn depth(&self) -> usize {
        match self {
            Self::Array(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(object) => 1 + object.0.values().map(Self::depth).max().unwrap_or(0),
            Self::Text(Text::Plain(_)) | Self::Integer(_) | Self::Bool(_) => 0,
            // {"$truncated":{…}} nests two objects, {"$erasable":"…"} is one.
            Self::Text(Text::Truncated(_)) => 2,
            Self::Text(Text::Erasable(_) | Text::Forgettable(_)) => 1,
        }
    }

    /// Whether this value, by itself in a record, would be within bounds.
    pub(crate) fn check_bounds(&self) -> Result<(), String> {
        self.check()?;
        if self.depth() >= MAX_DATA_DEPTH {
            return Err(format!(
                "the value nests {} levels, and a record has room for {}",
                self.depth(),
                MAX_DATA_DEPTH - 1
            ));
        }
        Ok(())
    }

    /// Whether a part of it is erasable.
    pub(crate) fn holds_erasable(&self) -> bool {
        match self {
            Self::Text(text) => matches!(text, Text::Erasable(_) | Text::Forgettable(_)),
            Self::Array(items) => items.iter().any(Self::holds_erasable),
            Self::Object(object) => object.0.values().any(Self::holds_erasable),
            Self::Integer(_) | Self::Bool(_) => false,
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Integer(number) if number.unsigned_abs() > MAX_INTEGER => Err(format!(
                "the integer {number} is beyond 2^53-1; write it as a string"
            )),
            Self::Array(items) => items.iter().try_for_each(Self::check),
            _ => Ok(()),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<Object> for Value {
    fn from(value: Object) -> Self {
        Self::Object(value)
    }
}

/// An object whose keys and values follow the audit specification: checked when they are inserted, so that sealing cannot
/// fail on them.
///
/// ```
/// use counterfoil_audit::Object;
/// let mut object = Object::new();
/// object.insert("bucket", "b-1")?;
/// object.insert("size", 4096_u32)?;
/// assert!(object.insert("$mine", true).is_err());
/// # Ok::<(), counterfoil_audit::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object(BTreeMap<String, Value>);

impl Object {
    /// An empty object.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds or replaces a member.
    ///
    /// # Errors
    /// When the key is not 1 to 128 printable ASCII characters without `"` and `\`, begins with `$`, or when the value holds
    /// an integer beyond 2^53−1 or would make the record deeper than 16.
    pub fn insert(&mut self, key: &str, value: impl Into<Value>) -> Result<(), Error> {
        let value = value.into();
        let refuse = |why: String| {
            Error::invalid("add a member to extension data", format!("{key:?}: {why}"))
        };
        if !is_key(key.as_bytes()) || key.starts_with('$') {
            return Err(refuse(
                "a key is 1 to 128 printable ASCII characters without \" and \\, and does not begin with $".into(),
            ));
        }
        value.check_bounds().map_err(refuse)?;
        self.0.insert(key.to_owned(), value);
        Ok(())
    }

    /// The value of a member.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members in the order in which they are written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The members, to be changed within the bounds that they were checked for.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value)> {
        self.0.iter_mut().map(|(key, value)| (key.as_str(), value))
    }

    /// Members that the body parser has checked.
    pub(crate) const fn from_checked(members: BTreeMap<String, Value>) -> Self {
        Self(members)
    }
}

/// Whether `key` may stand in a body.
pub(crate) fn is_key(key: &[u8]) -> bool {
    (1..=MAX_KEY).contains(&key.len())
        && key
            .iter()
            .all(|b| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_would_make_a_body_deeper_than_sixteen_is_refused() {
        let nested = |levels: usize| {
            (0..levels).fold(Value::Bool(true), |inner, _| Value::Array(vec![inner]))
        };
        assert!(Object::new().insert("a", nested(13)).is_ok());
        assert!(Object::new().insert("a", nested(14)).is_err());
    }

    #[test]
    fn integers_beyond_two_to_the_fifty_third_are_refused_at_any_depth() {
        let edge = i64::try_from(MAX_INTEGER).unwrap();
        assert!(Object::new().insert("a", Value::Integer(edge)).is_ok());
        let beyond = Value::Array(vec![Value::Integer(-edge - 1)]);
        assert!(Object::new().insert("a", beyond).is_err());
    }
}
