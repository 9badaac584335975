//! What `GET /metrics` answers.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use counterfoil_core::MetricSnapshot;
use counterfoil_http::header::{ACCEPT, HeaderMap};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::accept::Accept;
use crate::{Format, Renderer};

/// Shorter answers are sent as they are: compressed they would need as many packets.
const GZIP_MIN: usize = 1024;

/// Renders snapshots in the format that is asked for, with what other libraries count beside them.
pub(crate) struct Page {
    snapshot: Box<dyn Fn() -> MetricSnapshot + Send + Sync>,
    renderers: [Mutex<Renderer>; 2],
    neighbours: Vec<Box<dyn Fn() -> String + Send + Sync>>,
}

impl Page {
    pub(crate) fn new(snapshot: impl Fn() -> MetricSnapshot + Send + Sync + 'static) -> Self {
        Self {
            snapshot: Box::new(snapshot),
            renderers: Format::ALL.map(|it| Mutex::new(Renderer::with_format(it))),
            neighbours: Vec::new(),
        }
    }

    pub(crate) fn beside(&mut self, page: impl Fn() -> String + Send + Sync + 'static) {
        self.neighbours.push(Box::new(page));
    }

    /// The page for a request with these headers, and its format.
    pub(crate) fn render(&self, headers: &HeaderMap) -> (Format, String) {
        let accept = headers.get(ACCEPT).and_then(|it| it.to_str().ok());
        let format = Format::negotiate(accept);
        let snapshot = (self.snapshot)();
        let neighbours: Vec<String> = self.neighbours.iter().map(|it| it()).collect();
        let [classic, open] = &self.renderers;
        let renderer = match format {
            Format::Classic => classic,
            Format::OpenMetrics => open,
        };
        let mut renderer = renderer.lock().unwrap_or_else(PoisonError::into_inner);
        let text = renderer.render_beside(&snapshot, &neighbours.join("\n"));
        (format, text)
    }
}

/// The body compressed, where the client takes it and it is worth it.
pub(crate) fn gzip(accept_encoding: Option<&str>, body: &[u8]) -> Option<Vec<u8>> {
    let wanted = Accept::parse(accept_encoding?).takes_coding("gzip");
    if !wanted || body.len() < GZIP_MIN {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    // Writing to memory does not fail; if it did, the body would go out as it is.
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}
