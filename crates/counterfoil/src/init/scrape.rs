//! The listener for scrapes and probes.

use std::net::SocketAddr;

use counterfoil_exporter_prometheus::{
    Bytes, ErrorKind as Refusal, Method, Request, Response, ScrapeServer,
};
use counterfoil_health::Health;

use crate::{Error, ErrorKind, Observer};

/// Serves `/metrics` and the pages of `health` at `address`.
pub(crate) fn start(
    observer: &Observer,
    health: &Health,
    address: SocketAddr,
) -> Result<ScrapeServer, Error> {
    let observer = observer.clone();
    let health = health.clone();
    let server = ScrapeServer::builder(move || observer.snapshot())
        .otherwise(move |request| page(&health, request));
    server.start(address).map_err(|error| {
        let kind = match error.kind() {
            Refusal::AddressTaken => ErrorKind::AddressTaken,
            _ => ErrorKind::System,
        };
        let context = format!("the listener for metrics cannot be had: {error}");
        Error::new(kind, super::START, context).with_source(error)
    })
}

/// A page of the health checks; `None` for other paths, and for methods that ask for no page.
fn page(health: &Health, request: &Request<Bytes>) -> Option<Response<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return None;
    }
    let accept = request.headers().get("accept");
    let accept = accept.and_then(|accept| accept.to_str().ok());
    let uri = request.uri();
    let page = health.page(uri.path(), uri.query(), accept)?;
    let mut response = Response::builder()
        .status(page.status)
        .header("content-type", page.content_type);
    for (name, value) in page.headers {
        response = response.header(name, value);
    }
    // Status and headers are the crate's own constants, so this is there.
    response.body(Bytes::from(page.body)).ok()
}
