//! Text from elsewhere, as it may stand in a page.

use std::fmt::{self, Write};

use counterfoil_core::json::is_deceptive;

/// Shows text with what could steer a terminal, forge a line or hide itself written as an escape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain<'a>(pub(super) &'a str);

/// As [`Plain`], and with what HTML gives a meaning to written as an entity. Fit for text and for quoted attributes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Html<'a>(pub(super) &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| visible(f, c))
    }
}

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            _ => visible(f, c),
        })
    }
}

fn visible(f: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    if c.is_control() || is_deceptive(c) {
        write!(f, "\\u{{{:x}}}", u32::from(c))
    } else {
        f.write_char(c)
    }
}
