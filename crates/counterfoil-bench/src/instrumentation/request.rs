//! The request that every side answers: an axum handler behind a route with a parameter, called in process.

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use http::Request;
use tower_service::Service;

use super::side::Batches;
use crate::measure::Batch;

/// Requests in a batch: some hundred microseconds.
const OPS: u32 = 200;
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The service without layers.
pub(crate) fn service() -> Router {
    Router::new().route("/orders/{id}", get(answer))
}

async fn answer(Path(id): Path<u64>) -> &'static str {
    black_box(id);
    "ok"
}

/// Batches of requests to `service`, each of which makes the request that it sends.
pub(crate) fn batches(service: Router) -> Batches {
    batches_with(service, || ())
}

/// The same with `after` at the end of each batch: what somebody has to pay for later, such as draining.
pub(crate) fn batches_with(
    service: Router,
    after: impl Fn() + Clone + Send + Sync + 'static,
) -> Batches {
    let make = move || -> Batch<'static> {
        let (mut service, after) = (service.clone(), after.clone());
        Box::new(move |ops| {
            for _ in 0..ops {
                black_box(call(&mut service));
            }
            after();
        })
    };
    (OPS, Box::new(make))
}

fn call(service: &mut Router) -> Response {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = http::Uri::from_static("/orders/42");
    let traceparent = http::HeaderValue::from_static(TRACEPARENT);
    request.headers_mut().insert("traceparent", traceparent);
    let answered: Result<Response, Infallible> = ready(service.call(request));
    let Ok(response) = answered;
    response
}

/// Drives a future that waits for nothing.
fn ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}
