//! The listener for scrapes and probes.

use std::net::SocketAddr;

use counterfoil_exporter_prometheus::{
    Bytes, ErrorKind as Refusal, Method, Request, Response, ScrapeServer,
};
use counterfoil_health::Health;

use super::events_page::EventsPage;
use crate::{Error, ErrorKind, Observer};

/// Serves `/metrics`, the pages of `health` and, where it is wanted, that of the events at `address`.
pub(crate) fn start(
    observer: &Observer,
    health: &Health,
    events: Option<EventsPage>,
    address: SocketAddr,
) -> Result<ScrapeServer, Error> {
    let observer = observer.clone();
    let health = health.clone();
    let server = ScrapeServer::builder(move || observer.snapshot())
        .otherwise(move |request| page(&health, events.as_ref(), request));
    server.start(address).map_err(|error| {
        let kind = match error.kind() {
            Refusal::AddressTaken => ErrorKind::AddressTaken,
            _ => ErrorKind::System,
        };
        let context = format!("the listener for metrics cannot be had: {error}");
        Error::new(kind, super::START, context).with_source(error)
    })
}

/// A page of the health checks or of the events; `None` for other paths, and for methods that ask for no page.
fn page(
    health: &Health,
    events: Option<&EventsPage>,
    request: &Request<Bytes>,
) -> Option<Response<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return None;
    }
    if let Some(answer) = events.and_then(|events| events.answer(request)) {
        return Some(answer);
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
