//! An answer that any HTTP server can send.

/// An answer over HTTP, for whatever server sends it: status, headers and a body in UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// HTTP status code: 200, 404, 405 or 503.
    pub status: u16,
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// The other headers, by lower-case name, each there once.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The body. An answer to `HEAD` is the same without it.
    pub body: String,
}

impl Page {
    pub(crate) const TEXT: &'static str = "text/plain; charset=utf-8";
    pub(crate) const JSON: &'static str = "application/json";
    pub(crate) const HTML: &'static str = "text/html; charset=utf-8";

    /// A page that nobody may keep, because the next moment it may be wrong.
    pub(crate) fn new(is_well: bool, content_type: &'static str, body: String) -> Self {
        Self {
            status: if is_well { 200 } else { 503 },
            content_type,
            headers: vec![
                ("cache-control", "no-store"),
                ("x-content-type-options", "nosniff"),
            ],
            body,
        }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}
