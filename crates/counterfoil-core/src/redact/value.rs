//! Where a value ends.

use std::ops::Range;

use super::scan::{Scan, decode};

/// How a value is written, as far as the key tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Up to a blank or a separator.
    Token,
    /// The same, within a text that is percent-encoded.
    Encoded,
    /// A scheme and credentials, as in an `Authorization` header.
    Credentials(Option<u8>),
    /// Up to the end of the line, or to the quote before the key, as in a `Cookie` header.
    Line(Option<u8>),
    /// Up to the next tag.
    Element,
}

/// Values that say that there is none.
const NOTHING: [&str; 6] = ["null", "None", "nil", "undefined", "true", "false"];

impl Form {
    /// That of a key with the quote before it, if there is one.
    pub(super) fn of(key: &str, quote: Option<u8>) -> Self {
        let ends_with = |end: &str| {
            key.len() >= end.len()
                && key.as_bytes()[key.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
        };
        if ends_with("authorization") {
            Self::Credentials(quote)
        } else if ends_with("cookie") {
            Self::Line(quote)
        } else {
            Self::Token
        }
    }
}

impl Scan<'_> {
    /// Replaces the value that begins at `at`, where there is one.
    pub(super) fn hit_value(&mut self, at: usize, form: Form) {
        let range = self.value(at, form);
        if !NOTHING.contains(&&self.text[range.clone()]) {
            self.hit(range);
        }
    }

    fn value(&self, at: usize, form: Form) -> Range<usize> {
        let slashes = self.run_of(at, usize::MAX, |b| b == b'\\');
        match self.byte(at + slashes) {
            _ if form == Form::Element => at..self.end_of(at, |b| b == b'<'),
            Some(quote @ (b'"' | b'\'' | b'`')) => {
                let from = at + slashes + 1;
                from..self.closing(from, quote, slashes)
            }
            Some(b'(' | b'[' | b'{') => at..self.token_end(at, form),
            _ => match form {
                Form::Line(quote) => at..self.end_of_line(at, quote),
                Form::Credentials(quote) => self.credentials(at, quote),
                _ => at..self.token_end(at, form),
            },
        }
    }

    /// Behind the scheme, where there is one: `Bearer`, `Basic`, `Digest`.
    fn credentials(&self, at: usize, quote: Option<u8>) -> Range<usize> {
        let scheme = self.run_of(at, 32, |b| b.is_ascii_alphanumeric() || b == b'-');
        let blanks = self.run_of(at + scheme, 8, |b| b == b' ');
        let from = at + scheme + blanks;
        if blanks == 0 || self.byte(from).is_none_or(ends_token) {
            return at..self.token_end(at, Form::Token);
        }
        // `Digest` and `AWS4-HMAC-SHA256` have parameters, with commas and quotes.
        if self.bytes[at..at + scheme].eq_ignore_ascii_case(b"digest") || scheme > 12 {
            return from..self.end_of_line(from, quote);
        }
        from..self.token_end(from, Form::Token)
    }

    /// Where a value without quotes ends. What stands in brackets belongs to it: `Some("hunter2")`, `{"a": 1}`.
    fn token_end(&self, from: usize, form: Form) -> usize {
        let (mut at, mut depth) = (from, 0_usize);
        while let Some(byte) = self.byte(at) {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => match depth.checked_sub(1) {
                    Some(outer) => depth = outer,
                    None => return at,
                },
                b'"' | b'\'' | b'`' if depth > 0 || self.is_prefix_of_string(from, at) => {
                    let slashes = self.bytes[from..at].iter().rev();
                    let slashes = slashes.take_while(|b| **b == b'\\').count();
                    at = self.closing(at + 1, byte, slashes);
                }
                b'"' | b'\'' | b'`' => {
                    // The quote of the text around it, with the backslashes that escape it.
                    let slashes = self.bytes[from..at].iter().rev();
                    return at - slashes.take_while(|b| **b == b'\\').count();
                }
                b'%' if form == Form::Encoded
                    && matches!(decode(self.bytes, at), Some((b'&' | b'#', _))) =>
                {
                    return at;
                }
                // `Token { secret: … }`.
                b' ' if depth == 0 && self.begins_struct(from, at) => {}
                _ if depth == 0 && ends_token(byte) => return at,
                _ => {}
            }
            at += 1;
        }
        self.bytes.len()
    }

    /// Whether a type's name stands from `from` to `at`, and a brace behind it.
    fn begins_struct(&self, from: usize, at: usize) -> bool {
        let named = self.bytes[from..at]
            .first()
            .is_some_and(u8::is_ascii_uppercase);
        named && self.byte(at + 1) == Some(b'{')
    }

    /// `b"…"`, `r"…"`, `br"…"`.
    fn is_prefix_of_string(&self, from: usize, at: usize) -> bool {
        matches!(&self.bytes[from..at], b"b" | b"r" | b"br" | b"c" | b"u")
    }

    /// The closing quote of a string whose content begins at `from` and whose opening quote had `slashes` backslashes, because
    /// the string lies in another one. Without one it is the end of the text.
    fn closing(&self, from: usize, quote: u8, slashes: usize) -> usize {
        let mut run = 0;
        for (at, byte) in self.bytes.iter().enumerate().skip(from) {
            match *byte {
                b'\\' => run += 1,
                byte if byte == quote => {
                    // Fewer belong to a string around it. More escape a quote within, unless they escape one another.
                    if run < slashes || ((run - slashes) / (slashes + 1)).is_multiple_of(2) {
                        return at - run.min(slashes);
                    }
                    run = 0;
                }
                _ => run = 0,
            }
        }
        self.bytes.len()
    }

    fn end_of_line(&self, at: usize, quote: Option<u8>) -> usize {
        self.end_of(at, |b| matches!(b, b'\n' | b'\r') || Some(b) == quote)
    }

    fn end_of(&self, at: usize, ends: impl Fn(u8) -> bool) -> usize {
        at + self.run_of(at, usize::MAX, |b| !ends(b))
    }
}

const fn ends_token(b: u8) -> bool {
    b <= b' ' || b == 0x7f || matches!(b, b',' | b';' | b'&')
}
