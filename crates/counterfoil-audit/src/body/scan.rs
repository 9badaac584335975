//! Reading canonical JSON strictly, without copying (audit specification §2).

use crate::value::{MAX_INTEGER, is_key};

/// Deepest object or array of a body; the body itself has depth 1.
const MAX_DEPTH: usize = 16;

/// Bytes that are not what the grammar asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    /// Offset of the first byte that does not fit.
    pub(crate) at: usize,
    /// What should stand there.
    pub(crate) expected: &'static str,
}

/// The inside of a string, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawStr<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) escaped: bool,
}

/// A member of type text, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RawText<'a> {
    Plain(RawStr<'a>),
    Truncated { bytes: u64, sha256: &'a [u8; 64] },
    Erasable(&'a [u8; 64]),
}

/// A place in bytes that are known to be UTF-8.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            len: bytes.len(),
        }
    }

    pub(crate) const fn at(&self) -> usize {
        self.len - self.rest.len()
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[cold]
    pub(crate) fn bad<T>(&self, expected: &'static str) -> Result<T, Bad> {
        Err(Bad {
            at: self.at(),
            expected,
        })
    }

    #[inline]
    pub(crate) fn next_is(&self, byte: u8) -> bool {
        self.rest.first() == Some(&byte)
    }

    /// Takes `literal` if it stands here.
    #[inline]
    pub(crate) fn take<const N: usize>(&mut self, literal: &[u8; N]) -> bool {
        match self.rest.split_first_chunk::<N>() {
            Some((head, rest)) if head == literal => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[inline]
    pub(crate) fn literal<const N: usize>(
        &mut self,
        literal: &[u8; N],
        expected: &'static str,
    ) -> Result<(), Bad> {
        if self.take(literal) {
            Ok(())
        } else {
            self.bad(expected)
        }
    }

    /// The next `N` bytes.
    #[inline]
    pub(crate) fn chunk<const N: usize>(
        &mut self,
        expected: &'static str,
    ) -> Result<&'a [u8; N], Bad> {
        match self.rest.split_first_chunk::<N>() {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(head)
            }
            None => self.bad(expected),
        }
    }

    /// 2·N hexadecimal digits.
    #[inline]
    pub(crate) fn hex<const N: usize>(
        &mut self,
        expected: &'static str,
    ) -> Result<&'a [u8; N], Bad> {
        match self.rest.split_first_chunk::<N>() {
            Some((head, rest)) if is_hex(head) => {
                self.rest = rest;
                Ok(head)
            }
            _ => self.bad(expected),
        }
    }

    /// A decimal number below 2^64 without leading zeros.
    #[inline]
    pub(crate) fn decimal(&mut self, expected: &'static str) -> Result<u64, Bad> {
        let mut value: u64 = 0;
        let mut len = 0;
        for byte in self.rest {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            len += 1;
            if len < 20 {
                value = value * 10 + u64::from(digit);
            } else {
                match value
                    .checked_mul(10)
                    .and_then(|value| value.checked_add(digit.into()))
                {
                    Some(longer) if len == 20 => value = longer,
                    _ => return self.bad(expected),
                }
            }
        }
        if len == 0 || (len > 1 && self.next_is(b'0')) {
            return self.bad(expected);
        }
        self.rest = &self.rest[len..];
        Ok(value)
    }

    /// A JSON number from 1 to 2^53−1.
    #[inline]
    pub(crate) fn position(&mut self, expected: &'static str) -> Result<u64, Bad> {
        let before = self.clone();
        match self.decimal(expected)? {
            value @ 1..=MAX_INTEGER => Ok(value),
            _ => before.bad(expected),
        }
    }

    /// The inside of a string whose opening quote was taken, and its closing quote.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<RawStr<'a>, Bad> {
        let start = self.rest;
        let mut escaped = false;
        loop {
            self.rest = &self.rest[plain_len(self.rest)..];
            match self.rest.first() {
                Some(b'"') => {
                    let bytes = &start[..start.len() - self.rest.len()];
                    self.rest = &self.rest[1..];
                    return Ok(RawStr { bytes, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return self.bad("an escape instead of a control character"),
                None => return self.bad("the closing quote of a string"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Bad> {
        let len = match self.rest {
            [b'\\', b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'\\', b'u', b'0', b'0', high, low, ..] if is_long_escape(*high, *low) => 6,
            _ => return self.bad("one of the escapes that the specification knows"),
        };
        self.rest = &self.rest[len..];
        Ok(())
    }

    /// A string of at most 1024 bytes, or one of the two forms that stand in for it.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<RawText<'a>, Bad> {
        if self.next_is(b'"') {
            let before = self.clone();
            self.rest = &self.rest[1..];
            let raw = self.string()?;
            if unescaped_len(raw) > crate::text::MAX_TEXT {
                return before.bad("a text of at most 1024 bytes");
            }
            return Ok(RawText::Plain(raw));
        }
        self.literal(b"{", "a text")?;
        self.stand_in()
    }

    /// `"$truncated":{…}}` or `"$erasable":"…"}`.
    fn stand_in(&mut self) -> Result<RawText<'a>, Bad> {
        if self.take(b"\"$erasable\":\"") {
            let digest = self.hex("64 hexadecimal digits")?;
            self.literal(b"\"}", "the end of $erasable")?;
            return Ok(RawText::Erasable(digest));
        }
        self.literal(b"\"$truncated\":{\"bytes\":\"", "$truncated or $erasable")?;
        let bytes = self.decimal("a decimal number below 2^64")?;
        self.literal(b"\",\"sha256\":\"", "the member sha256 of $truncated")?;
        let sha256 = self.hex("64 hexadecimal digits")?;
        self.literal(b"\"}}", "the end of $truncated")?;
        Ok(RawText::Truncated { bytes, sha256 })
    }

    /// An object of any members, which is at `depth`.
    pub(crate) fn object(&mut self, depth: usize) -> Result<(), Bad> {
        if depth > MAX_DEPTH {
            return self.bad("a value, not a seventeenth level");
        }
        self.literal(b"{", "an object")?;
        if self.take(b"}") {
            return Ok(());
        }
        if self.rest.starts_with(b"\"$") {
            // $truncated holds an object, one level deeper.
            let deepest = depth + usize::from(self.rest.starts_with(b"\"$t"));
            return if deepest > MAX_DEPTH {
                self.bad("a value, not a seventeenth level")
            } else {
                self.stand_in().map(drop)
            };
        }
        let mut last: &[u8] = &[];
        loop {
            let before = self.clone();
            let key = self.key()?;
            if key <= last {
                return before.bad("a key that sorts after the one before");
            }
            last = key;
            self.value(depth)?;
            if self.take(b"}") {
                return Ok(());
            }
            self.literal(b",", "a comma or the end of the object")?;
        }
    }

    /// A key that does not begin with `$`, and its colon.
    pub(crate) fn key(&mut self) -> Result<&'a [u8], Bad> {
        self.literal(b"\"", "a key")?;
        let before = self.clone();
        let end = self.rest.iter().position(|byte| *byte == b'"');
        let (key, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if !is_key(key) || key[0] == b'$' {
            return before.bad("a key of 1 to 128 printable ASCII characters");
        }
        self.rest = rest;
        self.literal(b"\":", "a colon")?;
        Ok(key)
    }

    /// Any value within an object or array at `depth`.
    pub(crate) fn value(&mut self, depth: usize) -> Result<(), Bad> {
        match self.rest.first() {
            Some(b'"') => {
                self.rest = &self.rest[1..];
                self.string().map(drop)
            }
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'-' | b'0'..=b'9') => self.integer(),
            _ if self.take(b"true") || self.take(b"false") => Ok(()),
            _ => self.bad("a string, integer, true, false, array or object"),
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), Bad> {
        if depth > MAX_DEPTH {
            return self.bad("a value, not a seventeenth level");
        }
        self.literal(b"[", "an array")?;
        if self.take(b"]") {
            return Ok(());
        }
        loop {
            self.value(depth)?;
            if self.take(b"]") {
                return Ok(());
            }
            self.literal(b",", "a comma or the end of the array")?;
        }
    }

    fn integer(&mut self) -> Result<(), Bad> {
        const WHAT: &str = "an integer of at most 2^53-1 in magnitude";
        let before = self.clone();
        let negative = self.take(b"-");
        match self.decimal(WHAT)? {
            0 if negative => before.bad(WHAT),
            0..=MAX_INTEGER => Ok(()),
            _ => before.bad(WHAT),
        }
    }
}

/// Whether `\u00` and these two digits is how a control character is written.
const fn is_long_escape(high: u8, low: u8) -> bool {
    match (high, low) {
        // U+0000 never occurs; 8, 9, a, c and d have short forms.
        (b'0', b'1'..=b'7' | b'b' | b'e' | b'f') => true,
        (b'1', b'0'..=b'9' | b'a'..=b'f') => true,
        _ => false,
    }
}

/// How many bytes at the front are no quote, backslash or control character.
#[inline]
fn plain_len(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut done = 0;
    // Eight bytes at a time: the lowest high bit that is set marks the first byte that is special.
    while let Some(chunk) = bytes[done..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        let special = (quote.wrapping_sub(ONES) & !quote
            | backslash.wrapping_sub(ONES) & !backslash
            | word.wrapping_sub(ONES * 0x20) & !word)
            & HIGH;
        if special != 0 {
            return done + special.trailing_zeros() as usize / 8;
        }
        done += 8;
    }
    let rest = &bytes[done..];
    let plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    done + rest.iter().position(|b| !plain(b)).unwrap_or(rest.len())
}

#[inline]
fn is_hex(digits: &[u8]) -> bool {
    digits.iter().fold(true, |all, d| {
        all & (d.wrapping_sub(b'0') < 10 || d.wrapping_sub(b'a') < 6)
    })
}

/// Length of the text in bytes.
pub(crate) fn unescaped_len(raw: RawStr<'_>) -> usize {
    if !raw.escaped {
        return raw.bytes.len();
    }
    let mut len = 0;
    let mut rest = raw.bytes;
    while let Some((first, tail)) = rest.split_first() {
        rest = match (first, tail.first()) {
            (b'\\', Some(b'u')) => &rest[6.min(rest.len())..],
            (b'\\', _) => &rest[2.min(rest.len())..],
            _ => tail,
        };
        len += 1;
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_run_ends_at_the_first_special_byte_at_every_offset() {
        for special in [b'"', b'\\', 0, 0x1f] {
            for at in 0..40 {
                let mut bytes = [b'a'; 48];
                bytes[at] = special;
                bytes[at + 1] = 0x1f;
                assert_eq!(plain_len(&bytes), at);
            }
        }
        let plain = "é\u{7f}\u{2028} !#[]";
        assert_eq!(plain_len(plain.as_bytes()), plain.len());
    }

    #[test]
    fn numbers_beyond_their_range_and_with_leading_zeros_are_refused() {
        for text in [
            "01",
            "18446744073709551616",
            "99999999999999999999999",
            "",
            "x",
        ] {
            assert!(
                Cursor::new(text.as_bytes()).decimal("").is_err(),
                "{text} was accepted"
            );
        }
        let mut cursor = Cursor::new(b"18446744073709551615,");
        assert_eq!(cursor.decimal(""), Ok(u64::MAX));
        assert_eq!(cursor.rest(), b",");
    }
}
