//! One pass over a text.
//!
//! The text is looked at eight bytes at a time, and most groups hold nothing that could belong to a secret. Only in the others is
//! each byte looked at, and handed to the one module that knows the shape. What those look at before and behind it is bounded,
//! or belongs to a secret and is not looked at again; so no text takes more time than in proportion to its length.

use std::ops::Range;

use super::redactor::Rules;
use super::shape::Shape;
use crate::REDACTED;

/// Bytes that are looked at together.
const GROUP: usize = 8;

// One byte counts in four fields of four bits, so that the sum over a group says how many of each kind it has.
const WORD: u16 = 1;
const CARD: u16 = 1 << 4;
const DIGIT: u16 = 1 << 8;
const SIGN: u16 = 1 << 12;

static CLASS: [u16; 256] = classes();

const fn classes() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        if b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-') {
            table[byte] += WORD;
        }
        if b.is_ascii_digit() || matches!(b, b' ' | b'-') {
            table[byte] += CARD;
        }
        if b.is_ascii_digit() {
            table[byte] += DIGIT;
        }
        if matches!(b, b'=' | b':' | b'%' | b'@' | b'>' | b'-' | b'b' | b'B') {
            table[byte] += SIGN;
        }
        byte += 1;
    }
    table
}

/// A text that is being read.
pub(super) struct Scan<'a> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) rules: &'a Rules,
    /// Bits of the shapes that are not looked for.
    kept: u8,
    /// Up to here everything is decided.
    pub(super) done: usize,
    /// Up to here words were looked at.
    pub(super) words: usize,
    /// The text so far, once something was found.
    out: Option<String>,
    /// Up to here the text is in `out`, or replaced.
    copied: usize,
}

impl<'a> Scan<'a> {
    pub(super) const fn new(text: &'a str, rules: &'a Rules, kept: u8) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            rules,
            kept,
            done: 0,
            words: 0,
            out: None,
            copied: 0,
        }
    }

    /// The text with what was found replaced, or `None` when nothing was.
    pub(super) fn run(mut self) -> Option<String> {
        let mut at = 0;
        while at < self.bytes.len() {
            let (sum, end) = match self.bytes[at..].first_chunk::<GROUP>() {
                Some(group) => (count(group), at + GROUP),
                None => (count(&self.bytes[at..]), self.bytes.len()),
            };
            if is_suspicious(sum) {
                self.group(at, end, sum);
            }
            at = end.max(self.done);
        }
        let mut out = self.out?;
        out.push_str(&self.text[self.copied..]);
        Some(out)
    }

    fn group(&mut self, at: usize, end: usize, sum: u16) {
        // A word of fifteen bytes fills a group wherever it lies. One that does is looked at whole, once.
        if sum & 0xf == GROUP as u16 && at >= self.words {
            self.word(at);
        }
        if has_number(sum) && at >= self.done {
            self.card(at, end);
        }
        if sum >> 12 > 0 {
            for at in at..end {
                if at >= self.done {
                    self.sign(at);
                }
            }
        }
    }

    fn sign(&mut self, at: usize) {
        match self.bytes[at] {
            b'=' | b':' => self.pair(at, 1, false),
            b'%' => self.encoded(at),
            b'@' => self.email(at, 1),
            b'>' => self.element(at),
            b'-' => self.dashes(at),
            b'b' | b'B' => self.scheme(at),
            _ => {}
        }
    }

    /// A character that was percent-encoded, perhaps more than once.
    fn encoded(&mut self, at: usize) {
        match decode(self.bytes, at) {
            Some((b'=' | b':', len)) => self.pair(at, len, true),
            Some((b'@', len)) => self.email(at, len),
            _ => {}
        }
    }

    pub(super) const fn looks_for(&self, shape: Shape) -> bool {
        self.kept & shape.bit() == 0
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    pub(super) fn byte_before(&self, at: usize) -> Option<u8> {
        self.byte(at.checked_sub(1)?)
    }

    /// How many bytes from `at` on, at most `max`, are `of` a kind.
    pub(super) fn run_of(&self, at: usize, max: usize, of: impl Fn(u8) -> bool) -> usize {
        let end = self.bytes.len().min(at.saturating_add(max));
        let run = self.bytes.get(at..end).unwrap_or_default();
        run.iter().position(|b| !of(*b)).unwrap_or(run.len())
    }

    /// How many bytes before `at`, at most `max` and none that is decided, are `of` a kind.
    pub(super) fn run_before(&self, at: usize, max: usize, of: impl Fn(u8) -> bool) -> usize {
        let start = at.saturating_sub(max).max(self.done);
        let run = self.bytes.get(start..at).unwrap_or_default();
        run.iter().rev().position(|b| !of(*b)).unwrap_or(run.len())
    }

    /// Replaces `range`. Both ends lie beside an ASCII byte or at an end of the text, so they never part a character.
    pub(super) fn hit(&mut self, range: Range<usize>) {
        let start = range.start.max(self.done);
        if start >= range.end || self.text[start..range.end] == *REDACTED {
            return;
        }
        let (text, copied) = (self.text, self.copied);
        let out = self
            .out
            .get_or_insert_with(|| String::with_capacity(text.len()));
        let joins = start == copied && out.ends_with(REDACTED);
        if !joins {
            out.push_str(&text[copied..start]);
            out.push_str(REDACTED);
        }
        self.copied = range.end;
        self.done = range.end;
    }
}

fn count(group: &[u8]) -> u16 {
    group.iter().map(|byte| CLASS[usize::from(*byte)]).sum()
}

/// Whether a group has a sign, or lies within a long word or a number that could be a card's. Of thirteen digits some group has
/// seven; with separators between them they are fifteen bytes and more, and fill a group.
const fn is_suspicious(sum: u16) -> bool {
    sum >> 12 > 0 || sum & 0xf == GROUP as u16 || has_number(sum)
}

const fn has_number(sum: u16) -> bool {
    let (cards, digits) = (sum >> 4 & 0xf, sum >> 8 & 0xf);
    digits >= GROUP as u16 - 1 || cards == GROUP as u16 && digits > 0
}

/// The character that `%3D` stands for, or `%253D`, and how many bytes it takes.
pub(super) fn decode(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let digits = |at: usize| {
        let hex = |b: &u8| char::from(*b).to_digit(16);
        Some((hex(bytes.get(at)?)? * 16 + hex(bytes.get(at + 1)?)?) as u8)
    };
    let mut from = at + 1;
    // Bounded, because each level of `%25` could be looked at again from the next.
    for _ in 0..4 {
        match digits(from)? {
            b'%' => from += 2,
            byte => return Some((byte, from + 2 - at)),
        }
    }
    None
}
