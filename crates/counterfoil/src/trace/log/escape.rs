//! Text that cannot deceive: neither a terminal nor a reader of lines.

use std::fmt::Write;

use counterfoil_core::json::is_deceptive;

/// How what must not be shown is written instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escape {
    /// `\u{202e}`, and `\\` for a backslash: as Rust does.
    Text,
    /// The same, and `\"` for a quotation mark.
    Quoted,
    /// As JSON has it: UTF-16 units of four digits, which every parser reads.
    Json,
}

/// Appends `text`, escaped, as long as `out` stays within `limit` bytes. Returns whether all of it found room.
///
/// Escaped are control characters (escape and line feed among them), line and paragraph separators, marks that reorder
/// text, and characters that cannot be seen. Everything else stays as it is, whatever its script.
pub(crate) fn push_escaped(out: &mut String, text: &str, escape: Escape, limit: usize) -> bool {
    if text.bytes().all(|byte| PLAIN[usize::from(byte)]) && out.len() + text.len() <= limit {
        out.push_str(text);
        return true;
    }
    for c in text.chars() {
        let before = out.len();
        push_char(out, c, escape);
        if out.len() > limit {
            out.truncate(before);
            return false;
        }
    }
    true
}

/// Bytes that mean themselves in every form.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

fn push_char(out: &mut String, c: char, escape: Escape) {
    match c {
        '\\' => out.push_str("\\\\"),
        '"' if escape != Escape::Text => out.push_str("\\\""),
        _ if !(c.is_control() || is_deceptive(c)) => out.push(c),
        _ => push_code(out, c, escape),
    }
}

fn push_code(out: &mut String, c: char, escape: Escape) {
    // A string takes everything that is written to it.
    let _always_ok = match (c, escape) {
        ('\n', _) => out.write_str("\\n"),
        ('\r', _) => out.write_str("\\r"),
        ('\t', _) => out.write_str("\\t"),
        (_, Escape::Json) => c
            .encode_utf16(&mut [0; 2])
            .iter()
            .try_for_each(|unit| write!(out, "\\u{unit:04x}")),
        _ => write!(out, "\\u{{{:x}}}", u32::from(c)),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str, escape: Escape) -> String {
        let mut out = String::new();
        assert!(push_escaped(&mut out, text, escape, usize::MAX));
        out
    }

    #[test]
    fn what_steers_or_hides_is_written_out_and_the_rest_stays() {
        let text = "a\u{1b}[2J\nb\u{202e}\u{2028}\u{e0041}é漢\"\\";
        assert_eq!(
            escaped(text, Escape::Text),
            "a\\u{1b}[2J\\nb\\u{202e}\\u{2028}\\u{e0041}é漢\"\\\\"
        );
        assert_eq!(
            escaped(text, Escape::Json),
            "a\\u001b[2J\\nb\\u202e\\u2028\\udb40\\udc41é漢\\\"\\\\"
        );
    }

    #[test]
    fn no_scalar_value_comes_through_that_could_deceive() {
        for c in '\0'..=char::MAX {
            for escape in [Escape::Text, Escape::Quoted, Escape::Json] {
                let shown = escaped(c.encode_utf8(&mut [0; 4]), escape);
                assert!(
                    !shown.chars().any(|c| c.is_control() || is_deceptive(c)),
                    "{c:?}"
                );
            }
        }
    }

    #[test]
    fn what_finds_no_room_is_left_out_whole() {
        let mut out = String::from("12345");
        assert!(!push_escaped(&mut out, "a\u{1b}", Escape::Text, 10));
        assert_eq!(out, "12345a");
        assert!(push_escaped(&mut out, "bcde", Escape::Text, 10));
    }
}
