//! What follows `Bearer` and `Basic`.

use super::scan::Scan;
use super::shape::Shape;

/// A token of this length is one, whatever its letters.
const SURELY: usize = 20;
/// How much of a token is judged.
const MAX_HEAD: usize = 256;

impl Scan<'_> {
    /// At `b` or `B`.
    pub(super) fn scheme(&mut self, at: usize) {
        let begins = |name: &[u8]| {
            let word = self.bytes.get(at..at + name.len());
            word.is_some_and(|word| word.eq_ignore_ascii_case(name))
        };
        let (is_basic, len) = match (begins(b"bearer"), begins(b"basic")) {
            (true, _) => (false, 6),
            (_, true) => (true, 5),
            _ => return,
        };
        let within_word = self
            .byte_before(at)
            .is_some_and(|b| b.is_ascii_alphanumeric());
        let from = at + len + self.gap(at + len);
        if within_word || from == at + len || !self.looks_for(Shape::Authorization) {
            return;
        }
        let head = &self.bytes[from..from + self.run_of(from, MAX_HEAD, is_token)];
        let is_secret = match is_basic {
            true => names_user(head),
            false => is_credential(head),
        };
        if is_secret {
            self.hit(from..from + self.run_of(from, usize::MAX, is_token));
        }
    }

    /// Blanks, also encoded as in a URL.
    fn gap(&self, at: usize) -> usize {
        match self.byte(at) {
            Some(b' ' | b'\t') => self.run_of(at, 8, |b| matches!(b, b' ' | b'\t')),
            Some(b'+') => 1,
            Some(b'%') if self.bytes[at..].starts_with(b"%20") => 3,
            _ => 0,
        }
    }
}

/// The characters of RFC 6750 and RFC 7235, and those of percent-encoding.
const fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(
            b,
            b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=' | b'%' | b':' | b'|'
        )
}

/// Whether `token` is more than the next word of a sentence about bearers.
fn is_credential(token: &[u8]) -> bool {
    let mixed = token.iter().skip(1).any(u8::is_ascii_uppercase)
        && token.iter().any(u8::is_ascii_lowercase);
    token.len() >= SURELY || token.len() >= 4 && (mixed || token.iter().any(u8::is_ascii_digit))
}

/// Whether `token` is the base64 of a text with a colon: a user and a password.
fn names_user(token: &[u8]) -> bool {
    let mut bits = 0_u32;
    let mut held = 0;
    for byte in token {
        let Some(value) = base64(*byte) else {
            // Padding; anything else is no base64, and not ours to judge further.
            return false;
        };
        bits = (bits << 6 | value) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            if bits >> held & 0xff == u32::from(b':') {
                return true;
            }
        }
    }
    false
}

fn base64(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    }))
}
