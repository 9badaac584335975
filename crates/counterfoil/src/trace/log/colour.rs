//! When a log line is coloured, and how.

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
                let unwanted = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty())
                    || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                writer.is_terminal() && !unwanted
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
