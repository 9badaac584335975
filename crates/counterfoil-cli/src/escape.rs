//! Text from records on a terminal.

use std::fmt::{self, Write};

use counterfoil::json::is_deceptive;

/// Shows text with everything that could steer a terminal, forge a line or hide itself written as an escape: controls,
/// line separators, bidirectional marks, zero-width characters and tags.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if is_unsafe(character) {
                write!(f, "\\u{{{:x}}}", u32::from(character))?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

fn is_unsafe(character: char) -> bool {
    character.is_control() || is_deceptive(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_comes_through() {
        let escaped = |text: &str| Escaped(text).to_string();
        assert_eq!(escaped("\u{1b}]52;c;AAAA\u{7}"), "\\u{1b}]52;c;AAAA\\u{7}");
        assert_eq!(
            escaped("a\nb\u{85}c\u{2028}d"),
            "a\\u{a}b\\u{85}c\\u{2028}d"
        );
        assert_eq!(
            escaped("user\u{202e}txt.exe\u{200b}"),
            "user\\u{202e}txt.exe\\u{200b}"
        );
    }

    #[test]
    fn plain_text_of_any_script_stays() {
        for text in ["node-a", "größer", "日本語", "💥", "a\\b \"c\""] {
            assert_eq!(Escaped(text).to_string(), text);
        }
    }

    #[test]
    fn no_scalar_value_leaves_a_control_or_a_bidirectional_mark_raw() {
        for character in '\0'..=char::MAX {
            let shown = Escaped(character.encode_utf8(&mut [0; 4])).to_string();
            assert!(
                !shown
                    .chars()
                    .any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)),
                "{character:?}"
            );
        }
    }
}
