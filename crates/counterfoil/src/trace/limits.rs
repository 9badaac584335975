//! How much one span or one log line may hold.

/// Bounds on what a span, a log record or a log line holds. What they leave no room for is counted where it is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Fields of a span, of an event in it and of a log record: 64 unless told.
    pub fields: usize,
    /// Bytes of a field's text and of a message, 4 096 unless told. A longer one is cut at a character, and ends with `…`.
    pub text: usize,
    /// Bytes of text in the fields of one span and its events, or in one log record: 65 536 unless told. A field or an event that
    /// finds no room any more is left out and counted. So a queue of `n` spans takes about `n` times this at the very most.
    pub bytes: usize,
    /// Events of a span: 64 unless told.
    pub events: usize,
    /// Links of a span: 32 unless told.
    pub links: usize,
    /// Bytes of a log line, 16 384 unless told and never below 1 024. A line that is cut says so.
    pub line: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fields: 64,
            text: 4_096,
            bytes: 65_536,
            events: 64,
            links: 32,
            line: 16_384,
        }
    }
}
