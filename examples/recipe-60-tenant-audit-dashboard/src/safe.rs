//! Foreign text on its way into a page or a document.

use std::fmt::Write as _;

/// Whether a character is not shown but acts: on a terminal, on the direction of writing, on how lines break.
fn acts(c: char) -> bool {
    // What `escape_debug` does not leave as it is: control and format characters, surrogate halves, what is not assigned.
    !matches!(c, '"' | '\'' | '\\') && c.escape_debug().len() > 1
}

/// Text for HTML, between tags or in a quoted attribute. What acts is shown by its number.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ if acts(c) => {
                // A string takes everything that is written to it.
                let _always_ok = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out
}

/// JSON in which nothing acts, neither in a terminal nor for a browser that takes it for a page.
pub(crate) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut units = [0; 2];
    for c in text.chars() {
        // Line feeds stand between members; inside of strings they are escaped already.
        if c != '\n' && (matches!(c, '<' | '>' | '&') || acts(c)) {
            for unit in c.encode_utf16(&mut units) {
                let _always_ok = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_shown_by_its_number() {
        assert_eq!(html("a\u{1b}[2J\u{202e}b\0"), "a\\u{1b}[2J\\u{202e}b\\u{0}");
        assert_eq!(html("é漢 \"'<&>"), "é漢 &quot;&#39;&lt;&amp;&gt;");
    }

    #[test]
    fn json_stays_the_same_document() {
        let value = serde_json::json!({ "a": "</script>\u{202e}\u{1b}\u{e0001}\"\\é\n" });
        let text = json(&format!("{value:#}"));
        assert!(!text.contains(['<', '\u{202e}', '\u{e0001}']), "{text}");
        let again: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(again, value);
    }
}
