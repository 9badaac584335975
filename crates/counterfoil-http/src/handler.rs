//! Who answers requests.

use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};

/// Answers requests.
///
/// # Contract
/// It is called on a worker thread and may block it; how many run at once is a limit of the server
/// ([`Builder::workers`](crate::Builder::workers)). The request's body is complete. An answer to `HEAD` is sent without its
/// body. After a panic the client gets status 500 and the server goes on.
pub trait Handler: Send + Sync + 'static {
    /// The answer to one request.
    fn answer(&self, request: Request<Bytes>) -> Response<Bytes>;
}

impl<F: Fn(Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static> Handler for F {
    fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        self(request)
    }
}

/// Plain text in UTF-8 with this status.
#[must_use]
pub fn text(status: StatusCode, body: impl Into<String>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.into()));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
