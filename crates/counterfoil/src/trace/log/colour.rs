//! When a log line is coloured, and how.

use std::ffi::OsString;

use tracing::Level;

use super::writer::LogWriter;

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set to something or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Colour {
    pub(crate) fn applies(self, writer: &LogWriter) -> bool {
        match self {
            Self::Auto => {
                let variable = |name| std::env::var_os(name);
                writer.is_terminal() && suits(variable("NO_COLOR"), variable("TERM"))
            }
            Self::Always => true,
            Self::Never => false,
        }
    }
}

pub(super) const DIM: &str = "\u{1b}[2m";
pub(super) const PLAIN: &str = "\u{1b}[0m";

pub(super) const fn of_level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        Level::DEBUG => "\u{1b}[34m",
        Level::TRACE => "\u{1b}[35m",
    }
}

/// Whether a terminal of this environment is to be coloured.
fn suits(no_color: Option<OsString>, term: Option<OsString>) -> bool {
    no_color.is_none_or(|set| set.is_empty()) && term.is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_coloured_unless_somebody_asked_otherwise() {
        let set = |text: &str| Some(OsString::from(text));
        assert!(suits(None, None) && suits(set(""), set("xterm-256color")));
        assert!(!suits(set("1"), None) && !suits(set("0"), None));
        assert!(!suits(None, set("dumb")));
    }
}
