//! Events as lines of JSON.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_core::json::{self, LineWriter};
use counterfoil_core::{Event, Redact, Redactor};

use crate::error::{Error, ErrorKind};
use crate::sink::EventSink;

/// Writes one JSON object per line, in the form of [`counterfoil_core::json::push_event`].
///
/// Each line is given to the writer whole, through a [`LineWriter`]: a write that fails damages one line at most. Wrap a file
/// in a [`BufWriter`](std::io::BufWriter).
pub struct JsonEventSink<W> {
    state: Mutex<State<W>>,
    redact: Arc<dyn Redact>,
}

struct State<W> {
    out: LineWriter<W>,
    line: String,
}

impl<W: Write + Send + 'static> JsonEventSink<W> {
    /// Writes to `out`, with names redacted by the default policy.
    pub fn new(out: W) -> Self {
        Self {
            state: Mutex::new(State {
                out: LineWriter::new(out),
                line: String::new(),
            }),
            redact: Arc::new(Redactor::new()),
        }
    }

    /// Redacts names by another policy.
    #[must_use]
    pub fn with_redact(mut self, redact: impl Redact) -> Self {
        self.redact = Arc::new(redact);
        self
    }

    /// Gives the writer back, not flushed.
    #[must_use]
    pub fn into_inner(self) -> W {
        let state = self.state.into_inner();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        state.out.into_inner()
    }
}

impl<W: Write + Send + 'static> EventSink for JsonEventSink<W> {
    fn accept(&self, event: &Event) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { out, line } = &mut *state;
        line.clear();
        json::push_event(line, event, Some(&*self.redact));
        line.push('\n');
        out.write(line.as_bytes()).map_err(|source| {
            failed(
                "write an event as JSON",
                "the writer refused the line",
                source,
            )
        })
    }

    fn flush(&self) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.out.flush().map_err(|source| {
            failed(
                "flush events as JSON",
                "lines written before may be missing",
                source,
            )
        })
    }
}

fn failed(operation: &'static str, context: &str, source: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Io,
        operation,
        format!("{context}; look at where it writes to"),
    )
    .with_source(source)
}

impl<W> fmt::Debug for JsonEventSink<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonEventSink")
            .field("redact", &self.redact)
            .finish_non_exhaustive()
    }
}
