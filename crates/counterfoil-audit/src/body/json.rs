//! Writing canonical JSON into a vector (audit specification §2).

use counterfoil_core::Digest;

use super::text::{MAX_DECIMAL, decimal, hex_into};
use crate::text::MAX_TEXT;
use crate::{Object, Text, Truncated, Value};

/// A writer of canonical JSON. It trusts its caller for the order of keys; what a value's type refuses is noted and reported
/// by [`finish`](Self::finish).
#[derive(Debug)]
pub(crate) struct JsonOut<'a> {
    buf: &'a mut Vec<u8>,
    refused: Option<String>,
}

impl<'a> JsonOut<'a> {
    pub(crate) const fn new(buf: &'a mut Vec<u8>) -> Self {
        Self { buf, refused: None }
    }

    /// The first refusal, as "<member> is not <what>".
    pub(crate) fn finish(self) -> Result<(), String> {
        self.refused.map_or(Ok(()), Err)
    }

    pub(crate) fn refuse(&mut self, member: &str, what: &str) {
        if self.refused.is_none() {
            self.refused = Some(format!("{member} is not {what}"));
        }
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    pub(crate) fn open(&mut self) {
        self.buf.push(b'{');
    }

    pub(crate) fn close(&mut self) {
        self.buf.push(b'}');
    }

    /// A key, with the comma before it unless it is the first of its object.
    pub(crate) fn key(&mut self, key: &str) {
        self.separate();
        self.buf.push(b'"');
        self.buf.extend_from_slice(key.as_bytes());
        self.buf.extend_from_slice(b"\":");
    }

    /// A comma, unless nothing stands before it in its object or array.
    pub(crate) fn separate(&mut self) {
        if !matches!(self.buf.last(), Some(b'{' | b'[')) {
            self.buf.push(b',');
        }
    }

    pub(crate) fn number(&mut self, value: u64) {
        let mut digits = [0; MAX_DECIMAL + 4];
        let len = decimal(value, &mut digits);
        self.buf.extend_from_slice(&digits[..len]);
    }

    pub(crate) fn integer(&mut self, value: i64) {
        if value < 0 {
            self.buf.push(b'-');
        }
        self.number(value.unsigned_abs());
    }

    /// Text that needs no escape.
    pub(crate) fn plain(&mut self, text: &[u8]) {
        self.buf.push(b'"');
        self.buf.extend_from_slice(text);
        self.buf.push(b'"');
    }

    pub(crate) fn number_text(&mut self, value: u64) {
        self.buf.push(b'"');
        self.number(value);
        self.buf.push(b'"');
    }

    /// The hexadecimal form of at most 32 bytes.
    pub(crate) fn hex(&mut self, bytes: &[u8]) {
        let mut digits = [0; 2 * Digest::LEN];
        let digits = &mut digits[..2 * bytes.len()];
        hex_into(bytes, digits);
        self.plain(digits);
    }

    pub(crate) fn text(&mut self, text: &Text) {
        match text {
            Text::Plain(text) => self.limited(text),
            Text::Truncated(truncated) => self.truncated(truncated),
            Text::Erasable(digest) => {
                self.raw(b"{\"$erasable\":");
                self.hex(digest.as_bytes());
                self.close();
            }
            Text::Forgettable(_) => self.refuse(
                "an erasable value",
                "kept by a chain without a log; append it to an AuditLog, which keeps its opening",
            ),
        }
    }

    /// A string of at most [`MAX_TEXT`] bytes, or its length and digest.
    pub(crate) fn limited(&mut self, text: &str) {
        // The limit counts what is sealed, and U+0000 is sealed as the three bytes of U+FFFD.
        let sealed = |text: &str| text.len() + 2 * text.bytes().filter(|b| *b == 0).count();
        if text.len() <= MAX_TEXT / 3 || sealed(text) <= MAX_TEXT {
            self.string(text);
        } else {
            self.truncated(&Truncated::of(text.as_bytes()));
        }
    }

    pub(crate) fn truncated(&mut self, truncated: &Truncated) {
        self.raw(b"{\"$truncated\":{\"bytes\":");
        self.number_text(truncated.bytes);
        self.raw(b",\"sha256\":");
        self.hex(truncated.sha256.as_bytes());
        self.raw(b"}}");
    }

    /// A string of any length.
    pub(crate) fn string(&mut self, text: &str) {
        self.buf.push(b'"');
        escape_into(text, self.buf);
        self.buf.push(b'"');
    }

    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            Value::Text(Text::Plain(text)) => self.string(text),
            Value::Text(text) => self.text(text),
            Value::Integer(number) => self.integer(*number),
            Value::Bool(value) => self.raw(if *value { b"true" } else { b"false" }),
            Value::Array(items) => {
                self.buf.push(b'[');
                for item in items {
                    self.separate();
                    self.value(item);
                }
                self.buf.push(b']');
            }
            Value::Object(object) => self.object(object),
        }
    }

    pub(crate) fn object(&mut self, object: &Object) {
        self.open();
        for (key, value) in object.iter() {
            self.key(key);
            self.value(value);
        }
        self.close();
    }
}

/// Appends `text` with the escapes of RFC 8785; U+0000 becomes U+FFFD.
pub(crate) fn escape_into(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[done..at]);
        done = at + 1;
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                let mut digits = [0; 2];
                hex_into(&[*control], &mut digits);
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&digits);
            }
        }
    }
    out.extend_from_slice(&bytes[done..]);
}
