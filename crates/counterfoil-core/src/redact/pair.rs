//! A key, a separator and a value, however they are written.

use std::ops::Range;

use super::redactor::Verdict;
use super::scan::{Scan, decode};
use super::shape::Shape;
use super::value::Form;
use crate::REDACTED;

/// Longest key that is looked for in a text, in bytes.
const MAX_KEY: usize = 128;
/// Most blanks between key, separator and value.
const MAX_BLANKS: usize = 8;

impl Scan<'_> {
    /// At `=` or `:`, which takes `len` bytes.
    pub(super) fn pair(&mut self, at: usize, len: usize, encoded: bool) {
        let is_colon = !encoded && self.bytes[at] == b':';
        if self.begins_authority(at, len) {
            self.authority(at + len);
            return;
        }
        let path_of_rust =
            is_colon && (self.byte(at + 1) == Some(b':') || self.byte_before(at) == Some(b':'));
        if !self.looks_for(Shape::Pair) || path_of_rust {
            return;
        }
        let Some(key) = self.key_before(at) else {
            return;
        };
        let in_query = self.is_parameter(key.start);
        let around = self.byte_before(key.start).filter(|b| is_quote(*b));
        let name = &self.text[key];
        if !self.denies(name, in_query) {
            return;
        }
        let form = match encoded {
            true => Form::Encoded,
            false => Form::of(name, around),
        };
        let value = at + len + usize::from(self.byte(at + len) == Some(b'>'));
        let value = value + self.run_of(value, MAX_BLANKS, is_blank);
        self.hit_value(value, form);
    }

    /// At `>`: `<password>` has its value behind it.
    pub(super) fn element(&mut self, at: usize) {
        let len = self.run_before(at, MAX_KEY, |b| is_key(b) && b != b']');
        let key = self.on_boundary(at - len)..at;
        if self.looks_for(Shape::Pair)
            && len > 0
            && self.byte_before(at - len) == Some(b'<')
            && self.denies(&self.text[key], false)
        {
            self.hit_value(at + 1, Form::Element);
        }
    }

    /// At the first of two dashes: `--password hunter2`, also in a list of quoted arguments.
    pub(super) fn flag(&mut self, at: usize) {
        let name = at + self.run_of(at, 2, |b| b == b'-');
        let end = name + self.run_of(name, MAX_KEY, is_key);
        let between = self.run_of(end, MAX_BLANKS, |b| {
            is_blank(b) || matches!(b, b'"' | b'\'' | b',')
        });
        let value = end + between;
        let gap = &self.bytes[end..value];
        let separated = gap.iter().any(|b| is_blank(*b) || *b == b',');
        let is_flag = separated && !self.bytes[value..].starts_with(b"--");
        if self.looks_for(Shape::Pair) && is_flag && self.denies(&self.text[name..end], false) {
            // A value that is quoted ends with the quote before it.
            let quoted = matches!(gap.last(), Some(b'"' | b'\'')) && gap.len() > 1;
            self.hit_value(value - usize::from(quoted), Form::Token);
        }
    }

    /// Whether a number that begins at `at` is the value of a key that makes it no card number.
    pub(super) fn is_plain_number(&self, at: usize) -> bool {
        let blanks = self.run_before(at, MAX_BLANKS, |b| {
            is_blank(b) || matches!(b, b'"' | b'\'' | b'\\')
        });
        let separator = at - blanks;
        matches!(self.byte_before(separator), Some(b'=' | b':'))
            && self
                .key_before(separator - 1)
                .is_some_and(|key| self.rules.verdict(&self.text[key]) == Verdict::Number)
    }

    fn denies(&self, key: &str, in_query: bool) -> bool {
        self.rules.denies(key) || in_query && self.rules.denies_in_query(key)
    }

    /// The key that ends before the separator at `at`, without its quotes; `None` where there is none with a letter.
    fn key_before(&self, at: usize) -> Option<Range<usize>> {
        let blanks = self.run_before(at, MAX_BLANKS, is_blank);
        let mut end = at - blanks;
        if self.byte_before(end).is_some_and(is_quote) && end > self.done {
            end -= 1;
            end -= self.run_before(end, MAX_BLANKS, |b| b == b'\\');
        }
        let floor = end.saturating_sub(MAX_KEY).max(self.done);
        let mut start = end;
        while start > floor {
            match self.bytes[start - 1] {
                // What was taken out before is no part of a key.
                b']' if self.bytes[..start].ends_with(REDACTED.as_bytes()) => break,
                b if is_key(b) => {}
                b'%' => {
                    if let Some((b, len)) = decode(self.bytes, start - 1)
                        && !is_key(b)
                    {
                        start += len - 1;
                        break;
                    }
                }
                b'\\' if self.byte(start) == Some(b'u') => {}
                _ => break,
            }
            start -= 1;
        }
        let start = self.on_boundary(start.min(end));
        let named = self.bytes[start..end]
            .iter()
            .any(|b| b.is_ascii_alphabetic() || !b.is_ascii());
        named.then_some(start..end)
    }

    /// Whether the key that begins at `at` is a parameter of a URL.
    fn is_parameter(&self, at: usize) -> bool {
        if let Some(b'?' | b'&') = self.byte_before(at) {
            return true;
        }
        // `%3F` and `%26`.
        let from = at.saturating_sub(3);
        self.byte(from) == Some(b'%') && matches!(decode(self.bytes, from), Some((b'?' | b'&', 3)))
    }

    fn on_boundary(&self, mut at: usize) -> usize {
        while !self.text.is_char_boundary(at) {
            at += 1;
        }
        at
    }
}

const fn is_quote(b: u8) -> bool {
    matches!(b, b'"' | b'\'' | b'`')
}

const fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}

const fn is_key(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || !b.is_ascii()
        || matches!(b, b'_' | b'-' | b'.' | b'[' | b']' | b'$')
}
