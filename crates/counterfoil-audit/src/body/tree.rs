//! A value out of bytes that the scanner found valid.

use std::collections::BTreeMap;

use counterfoil_core::Digest;

use super::scan::{RawStr, RawText};
use crate::{Object, Text, Truncated, Value};

/// The value that `bytes` are. The scanner has accepted them, so nothing is checked again; bytes that it would refuse give
/// some value and no panic.
pub(crate) fn of(bytes: &[u8]) -> Value {
    Reader { rest: bytes }.value()
}

/// A member of type text.
pub(crate) fn text(raw: RawText<'_>) -> Text {
    match raw {
        RawText::Plain(raw) => Text::Plain(string(raw)),
        RawText::Truncated { bytes, sha256 } => Text::Truncated(Truncated {
            bytes,
            sha256: digest(sha256),
        }),
        RawText::Erasable(hash) => Text::Erasable(digest(hash)),
    }
}

/// The text that is written as `raw`.
pub(crate) fn string(raw: RawStr<'_>) -> String {
    let text = String::from_utf8_lossy(raw.bytes);
    if !raw.escaped {
        return text.into_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        match chars.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).unwrap_or(0xfffd);
                out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            Some(plain) => out.push(plain),
            None => {}
        }
    }
    out
}

fn digest(hex: &[u8; 64]) -> Digest {
    Digest::from_hex(hex).unwrap_or_default()
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Value {
        match self.rest.first() {
            Some(b'"') => Value::Text(Text::Plain(string(self.raw_string()))),
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b't') => {
                self.skip(4);
                Value::Bool(true)
            }
            Some(b'f') => {
                self.skip(5);
                Value::Bool(false)
            }
            _ => self.integer(),
        }
    }

    fn skip(&mut self, len: usize) {
        self.rest = &self.rest[len.min(self.rest.len())..];
    }

    /// A string with its quotes.
    fn raw_string(&mut self) -> RawStr<'a> {
        self.skip(1);
        let bytes = self.rest;
        let mut end = 0;
        let mut escaped = false;
        while end < bytes.len() && bytes[end] != b'"' {
            escaped |= bytes[end] == b'\\';
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        let end = end.min(bytes.len());
        self.skip(end + 1);
        RawStr {
            bytes: &bytes[..end],
            escaped,
        }
    }

    fn integer(&mut self) -> Value {
        let len = self
            .rest
            .iter()
            .position(|b| !matches!(b, b'-' | b'0'..=b'9'))
            .unwrap_or(self.rest.len());
        let digits = std::str::from_utf8(&self.rest[..len]).unwrap_or_default();
        self.skip(len);
        Value::Integer(digits.parse().unwrap_or_default())
    }

    fn array(&mut self) -> Value {
        self.skip(1);
        let mut items = Vec::new();
        while !matches!(self.rest.first(), Some(b']') | None) {
            items.push(self.value());
            if self.rest.first() == Some(&b',') {
                self.skip(1);
            }
        }
        self.skip(1);
        Value::Array(items)
    }

    fn object(&mut self) -> Value {
        self.skip(1);
        let mut members = BTreeMap::new();
        while !matches!(self.rest.first(), Some(b'}') | None) {
            let key = string(self.raw_string());
            self.skip(1);
            let value = self.value();
            members.insert(key, value);
            if self.rest.first() == Some(&b',') {
                self.skip(1);
            }
        }
        self.skip(1);
        stand_in(&members).map_or_else(|| Value::Object(Object::from_checked(members)), Value::Text)
    }
}

/// The text that an object with a reserved key stands in for.
fn stand_in(members: &BTreeMap<String, Value>) -> Option<Text> {
    let hash = |value: &Value| match value {
        Value::Text(Text::Plain(hex)) => Digest::from_hex(hex.as_bytes()),
        _ => None,
    };
    if let Some(value) = members.get("$erasable") {
        return hash(value).map(Text::Erasable);
    }
    match members.get("$truncated") {
        Some(Value::Object(inner)) => Some(Text::Truncated(Truncated {
            bytes: match inner.get("bytes")? {
                Value::Text(Text::Plain(number)) => number.parse().ok()?,
                _ => return None,
            },
            sha256: hash(inner.get("sha256")?)?,
        })),
        _ => None,
    }
}
