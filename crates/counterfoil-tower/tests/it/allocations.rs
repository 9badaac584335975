//! What a request costs in allocations.

use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use counterfoil_tower::{RouteTemplate, ServerLayer};
use http::{Request, Response};
use http_body_util::Empty;
use tower::{Layer, Service, service_fn};

use crate::{Bench, TRACEPARENT};

type Body = Empty<&'static [u8]>;

fn request() -> Request<()> {
    let mut request = Request::builder()
        .header("traceparent", TRACEPARENT)
        .header("x-request-id", "req-42")
        .body(())
        .unwrap();
    request
        .extensions_mut()
        .insert(RouteTemplate::new("/users/{id}"));
    request
}

/// Allocations while a request is served, those of the service itself included.
fn allocations(service: &mut impl Service<Request<()>, Response = Response<impl Sized>>) -> u64 {
    let request = request();
    let counted = allocation_counter::measure(|| {
        let future = pin!(service.call(request));
        let answer = future.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(answer, Poll::Ready(Ok(_))));
    });
    counted.count_total
}

#[test]
fn a_request_costs_a_handful_of_allocations() {
    let bench = Bench::new();
    let answer = async |_: Request<()>| Ok::<_, Infallible>(Response::new(Body::new()));
    let mut bare = service_fn(answer);
    let silent: ServerLayer = bench.server().echo_request_id(false).http();
    let mut silent = silent.layer(service_fn(answer));
    let mut full = bench.server().http().layer(service_fn(answer));
    // The first request claims the thread's cells and makes the series.
    for _ in 0..2 {
        allocations(&mut silent);
        allocations(&mut full);
    }
    let bare = allocations(&mut bare);
    assert_eq!(allocations(&mut silent) - bare, 1, "the context");
    assert_eq!(
        allocations(&mut full) - bare,
        4,
        "and the request id in the head of the answer, with the map that holds it"
    );
}
