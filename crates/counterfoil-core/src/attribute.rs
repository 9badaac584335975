//! Keys and values that describe a span or a log record.

use std::borrow::Cow;

/// A key and its value. The key follows OpenTelemetry's conventions where there is one: `http.route`, `error.type`.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "a pair, built by whoever records and taken apart by whoever exports"
)]
pub struct Attribute {
    /// What the value is.
    pub key: Cow<'static, str>,
    /// The value.
    pub value: AttributeValue,
}

impl Attribute {
    /// A pair of both.
    pub fn new(key: impl Into<Cow<'static, str>>, value: impl Into<AttributeValue>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
        }
    }
}

/// The value of an [`Attribute`].
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "exporters must handle each kind")]
pub enum AttributeValue {
    /// Yes or no.
    Bool(bool),
    /// A whole number. One that does not fit is recorded as text.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text; not redacted and not escaped.
    Text(Cow<'static, str>),
}

impl From<bool> for AttributeValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for AttributeValue {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u64> for AttributeValue {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or_else(|_| Self::Text(value.to_string().into()), Self::Int)
    }
}

impl From<f64> for AttributeValue {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&'static str> for AttributeValue {
    fn from(value: &'static str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<String> for AttributeValue {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}
