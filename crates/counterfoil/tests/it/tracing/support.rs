//! A pipeline under a subscriber of this thread, and what it wrote.

use std::io::Write;
use std::sync::{Arc, Mutex};

use counterfoil::Unredacted;
use counterfoil::trace::{LogFormat, LogLines, LogWriter, Pipeline, PipelineBuilder};
use counterfoil_testkit::FakeClock;
use tracing::info_span;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

/// What lines are written to in tests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines, each a JSON object.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    pub(crate) fn lines(&self, format: LogFormat) -> LogLines {
        LogLines::new(format, LogWriter::new(self.clone()))
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A pipeline whose clock stands at the beginning of 2026, and which shows everything.
pub(crate) fn builder() -> (PipelineBuilder, Arc<FakeClock>) {
    let clock = Arc::new(FakeClock::new());
    let builder = Pipeline::builder().clock(Arc::clone(&clock));
    (builder.redact(Unredacted), clock)
}

/// Runs `f` under a subscriber that lets everything through to the pipeline.
pub(crate) fn run<R>(builder: PipelineBuilder, f: impl FnOnce() -> R) -> (Pipeline, R) {
    let pipeline = builder.build();
    let subscriber = tracing_subscriber::registry()
        .with(LevelFilter::TRACE)
        .with(pipeline.layer());
    let result = tracing::subscriber::with_default(subscriber, f);
    (pipeline, result)
}

/// What a server layer opens.
pub(crate) fn server_span(flags: &str) -> tracing::Span {
    info_span!(
        "request",
        trace_id = "0af7651916cd43dd8448eb211c80319c",
        span_id = "00f067aa0ba902b7",
        parent_span_id = "b7ad6b7169203331",
        trace_flags = flags,
        request_id = %"req-7",
        otel.kind = "server",
        otel.name = "GET /users/{id}",
        otel.status_code = tracing::field::Empty,
        otel.status_message = tracing::field::Empty,
        late = tracing::field::Empty,
        http.route = "/users/{id}",
    )
}

/// What a client layer opens that knows of the request's context only.
pub(crate) fn client_span() -> tracing::Span {
    info_span!(
        "call",
        trace_id = "0af7651916cd43dd8448eb211c80319c",
        span_id = "53995c3f42cd8ad8",
        parent_span_id = "00f067aa0ba902b7",
        trace_flags = 1,
        otel.kind = "client",
    )
}
