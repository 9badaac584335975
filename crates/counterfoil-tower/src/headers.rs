//! An `http::HeaderMap` for propagation.

use counterfoil_core::propagation::{Extractor, Injector};
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

/// The headers of an HTTP message, read and written by [`counterfoil_core::propagation`].
///
/// ```
/// use counterfoil_core::propagation::Incoming;
/// use counterfoil_tower::Headers;
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert("x-request-id", http::HeaderValue::from_static("req-42"));
/// let incoming = Incoming::extract(&Headers(&headers));
/// assert_eq!(incoming.request.unwrap().as_str(), "req-42");
/// ```
#[derive(Debug)]
#[allow(clippy::exhaustive_structs, reason = "a view of the headers")]
pub struct Headers<H>(
    /// A reference to the headers.
    pub H,
);

impl Extractor for Headers<&HeaderMap> {
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        for value in self.0.get_all(name) {
            visit(value.as_bytes());
        }
    }
}

impl Injector for Headers<&mut HeaderMap> {
    fn set(&mut self, name: &'static str, value: &str) {
        // What propagation writes is visible ASCII.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.insert(HeaderName::from_static(name), value);
        }
    }

    fn remove(&mut self, name: &'static str) {
        self.0.remove(name);
    }
}
