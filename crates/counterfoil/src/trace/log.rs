//! Log lines: what is in them and where they go.

mod colour;
mod escape;
mod json;
#[cfg(test)]
mod tests;
mod text;
mod writer;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use counterfoil_core::{Attribute, AttributeValue, Redact, Timestamp};
use tracing::Level;

use super::entered::Stamp;
use super::pipeline::Shared;
use crate::{Error, ErrorKind};

pub use colour::Colour;
pub use writer::{LineCounts, LogWriter};

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// For people: one line of text.
    #[default]
    Text,
    /// For programs: one JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(Error::new(
                ErrorKind::InvalidConfig,
                "read a log format",
                format!("{text:?} is neither text nor json"),
            )),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// Settings of log lines: their form and their destination.
///
/// ```
/// use counterfoil::trace::{LogFormat, LogLines, LogWriter};
/// let lines = LogLines::new(LogFormat::Json, LogWriter::stdout()).span_close(true);
/// # let _ = lines;
/// ```
#[derive(Debug)]
#[must_use = "they are given to `PipelineBuilder::log_lines`"]
pub struct LogLines {
    format: LogFormat,
    writer: LogWriter,
    colour: Colour,
    span_close: bool,
}

impl LogLines {
    /// Lines of this format for this writer; in colour where the writer is a terminal, and none for the end of spans.
    pub const fn new(format: LogFormat, writer: LogWriter) -> Self {
        Self {
            format,
            writer,
            colour: Colour::Auto,
            span_close: false,
        }
    }

    /// Whether text is coloured.
    pub const fn colour(mut self, colour: Colour) -> Self {
        self.colour = colour;
        self
    }

    /// Whether the end of each span is a line, at the span's level: the message `close`, with `busy_ns` (how long it was
    /// entered) and `idle_ns` (how long it was open beyond that). Costs two readings of the clock for each entering.
    pub const fn span_close(mut self, wanted: bool) -> Self {
        self.span_close = wanted;
        self
    }

    pub(crate) fn build(self) -> Lines {
        Lines {
            coloured: self.format == LogFormat::Text && self.colour.applies(&self.writer),
            format: self.format,
            writer: self.writer,
            span_close: self.span_close,
        }
    }
}

/// What one line says, the spans around it apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) time: Timestamp,
    pub(crate) level: Level,
    pub(crate) target: &'a str,
    pub(crate) stamp: &'a Stamp,
    pub(crate) message: &'a str,
    pub(crate) fields: &'a [Attribute],
    pub(crate) dropped: u32,
}

/// Calls what it is given with each span around a line, the outermost first.
pub(crate) type Spans<'a> = &'a dyn Fn(&mut dyn FnMut(&SpanText<'_>));

/// What a line shows of a span.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanText<'a> {
    /// The name that the code has.
    pub(crate) name: &'a str,
    /// The name that the span was given instead. Unlike the other it may be anything.
    pub(crate) given: Option<&'a str>,
    pub(crate) fields: &'a [Attribute],
}

impl SpanText<'_> {
    fn name(&self, redact: &dyn Redact) -> Cow<'_, str> {
        match self.given {
            Some(given) => redacted(redact, given),
            None => Cow::Borrowed(self.name),
        }
    }
}

/// Formats and writes lines.
#[derive(Debug)]
pub(crate) struct Lines {
    format: LogFormat,
    coloured: bool,
    pub(crate) writer: LogWriter,
    pub(crate) span_close: bool,
}

impl Lines {
    pub(crate) fn write(&self, line: &Line<'_>, spans: Spans<'_>, of: &Shared, out: &mut String) {
        let (most, redact) = (of.limits.line, &*of.redact);
        self.push(line, spans, most, redact, out);
        self.writer.write(out, |lost, notice| {
            let message =
                format!("{lost} log lines before this one are lost: the output did not take them");
            let line = Line {
                level: Level::WARN,
                target: "counterfoil::trace",
                stamp: &Stamp::default(),
                message: &message,
                fields: &[],
                dropped: 0,
                ..*line
            };
            self.push(&line, &|_| (), most, redact, notice);
        });
    }

    fn push(
        &self,
        line: &Line<'_>,
        spans: Spans<'_>,
        most: usize,
        redact: &dyn Redact,
        out: &mut String,
    ) {
        match self.format {
            LogFormat::Text => text::push(
                out,
                line,
                spans,
                &text::Style {
                    most,
                    redact,
                    coloured: self.coloured,
                },
            ),
            LogFormat::Json => json::push(out, line, spans, most, redact),
        }
    }
}

/// Free text as it may be shown.
fn redacted<'a>(redact: &dyn Redact, text: &'a str) -> Cow<'a, str> {
    redact.redact(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// A field's value as it may be shown, where that is another text: a number may be secret too.
fn redacted_value(redact: &dyn Redact, key: &str, value: &AttributeValue) -> Option<String> {
    match value {
        AttributeValue::Text(text) => redact.redact_value(key, text),
        AttributeValue::Int(number) => {
            let mut digits = itoa::Buffer::new();
            redact.redact_value(key, digits.format(*number))
        }
        AttributeValue::Float(number) => redact.redact_value(key, &number.to_string()),
        AttributeValue::Bool(_) => None,
    }
}

/// Appends bytes in lower-case hexadecimal.
fn push_hex(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 0xf)]));
    }
}

/// Appends RFC 3339 with nine digits.
fn push_time(out: &mut String, time: Timestamp) {
    // Digits and punctuation only, so this never takes the empty way out.
    out.push_str(std::str::from_utf8(&time.to_text()).unwrap_or_default());
}
