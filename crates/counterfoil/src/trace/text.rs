//! Text of bounded length.

use std::fmt::{self, Write};

/// What stands at the end of a text that was cut.
const ELLIPSIS: &str = "…";

/// Appends to a string what fits in, and remembers that something did not.
pub(crate) struct Bounded<'a> {
    out: &'a mut String,
    /// How long `out` may become.
    limit: usize,
    cut: bool,
}

impl Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.cut {
            return Err(fmt::Error);
        }
        let room = self.limit.saturating_sub(self.out.len());
        if text.len() <= room {
            self.out.push_str(text);
            return Ok(());
        }
        let fits = text.floor_char_boundary(room);
        self.out.push_str(&text[..fits]);
        self.out.push_str(ELLIPSIS);
        self.cut = true;
        // What formats itself need not go on.
        Err(fmt::Error)
    }
}

/// Appends up to `most` bytes of what `args` formats as. A `Display` that fails leaves what it had written.
pub(crate) fn push_bounded(out: &mut String, most: usize, args: fmt::Arguments<'_>) {
    let limit = out.len() + most;
    let _cut_or_failed = Bounded {
        out,
        limit,
        cut: false,
    }
    .write_fmt(args);
}

/// Up to `most` bytes of `text`.
pub(crate) fn bounded(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut out = String::with_capacity(most + ELLIPSIS.len());
    push_bounded(&mut out, most, format_args!("{text}"));
    out
}

/// An error with the errors that caused it, as `outer: inner: root`, sixteen at most.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let causes = std::iter::successors(self.0.source(), |error| error.source());
        for cause in causes.take(15) {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

/// Formats into a buffer on the stack: for ids, which are short.
pub(crate) struct Short<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Short<N> {
    /// The text of `value`, or `None` when it is longer than the buffer.
    pub(crate) fn of(value: &dyn fmt::Debug) -> Option<Self> {
        let mut short = Self {
            bytes: [0; N],
            len: 0,
        };
        write!(short, "{value:?}").ok().map(|()| short)
    }

    pub(crate) fn as_str(&self) -> &str {
        // Whole texts were written, so this never takes the empty way out.
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl<const N: usize> Write for Short<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_character_and_says_so() {
        assert_eq!(bounded("größer", 3), "gr…");
        assert_eq!(bounded("größer", 8), "größer");
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let root = std::io::Error::other("disk on fire");
        let outer = std::io::Error::other(root);
        assert_eq!(Chain(&outer).to_string(), "disk on fire");
        let parse = "x".parse::<u8>().unwrap_err();
        assert_eq!(Chain(&parse).to_string(), parse.to_string());
    }

    #[test]
    fn an_id_that_is_longer_than_any_id_is_none() {
        let text = |value: &str| {
            Short::<4>::of(&format_args!("{value}")).map(|short| short.as_str().to_owned())
        };
        assert_eq!(text("abcd").as_deref(), Some("abcd"));
        assert_eq!(text("abcde"), None);
    }
}
