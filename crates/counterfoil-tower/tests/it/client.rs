//! Requests that are sent.

use std::convert::Infallible;

use counterfoil_core::{Context, Current, InContext, WorkloadIdentity};
use counterfoil_tower::ClientLayer;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use std::sync::{Arc, Mutex};
use tower::{Layer, ServiceExt, service_fn};

use crate::{Bench, TRACE, TRACEPARENT};

type Body = Empty<&'static [u8]>;

impl Bench {
    fn client(&self) -> counterfoil_tower::ClientBuilder {
        ClientLayer::builder(&self.registry)
            .clock(Arc::clone(&self.clock))
            .ids(Arc::clone(&self.ids))
    }
}

/// Sends a request to a server that answers with this status, and gives the headers that arrived.
async fn send(layer: ClientLayer, uri: &str, status: u16) -> HeaderMap {
    let arrived = Arc::new(Mutex::new(HeaderMap::new()));
    let seen = Arc::clone(&arrived);
    let service = service_fn(move |request: Request<()>| {
        *seen.lock().unwrap() = request.headers().clone();
        let mut response = Response::new(Body::new());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        async { Ok::<_, Infallible>(response) }
    });
    let request = Request::builder()
        .uri(uri)
        .header("traceparent", "stale")
        .body(())
        .unwrap();
    let response = layer.layer(service).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    arrived.lock().unwrap().clone()
}

fn within() -> Context {
    Context::new(WorkloadIdentity::tenant_only("acme"))
        .with_trace(
            TRACEPARENT
                .parse()
                .unwrap_or_else(|_| unreachable!("well-formed")),
        )
        .with_request(
            "req-42"
                .parse()
                .unwrap_or_else(|_| unreachable!("well-formed")),
        )
        .with_trace_state(
            "a=1"
                .parse()
                .unwrap_or_else(|_| unreachable!("well-formed")),
        )
}

#[tokio::test]
async fn a_call_goes_out_one_span_further_in_the_trace_of_its_caller() {
    let bench = Bench::new();
    let headers = send(bench.client().older_pair().http(), "http://shop/", 200)
        .in_context(within())
        .await;
    assert_eq!(headers.get_all("traceparent").iter().count(), 1);
    assert_eq!(
        headers["traceparent"],
        format!("00-{TRACE}-0000000000000001-01").as_str()
    );
    assert_eq!(headers["tracestate"], "a=1");
    assert_eq!(headers["x-request-id"], "req-42");
    assert_eq!(headers["x-trace-id"], TRACE);
    assert_eq!(headers["x-span-id"], "0000000000000001");
}

#[tokio::test]
async fn a_call_outside_of_any_trace_begins_one() {
    let bench = Bench::new();
    assert!(Current::get().is_none());
    let headers = send(
        bench.client().sampled(|_| false).http(),
        "http://shop/",
        200,
    )
    .await;
    assert_eq!(
        headers["traceparent"],
        "00-00000000000000000000000000000001-0000000000000003-00"
    );
    assert!(!headers.contains_key("x-trace-id") && !headers.contains_key("tracestate"));
}

#[tokio::test]
async fn calls_are_counted_by_server_and_status_and_never_by_user_or_path() {
    let bench = Bench::new();
    let layer = bench.client().max_servers(2).http();
    for (uri, status) in [
        (
            "http://user:hunter2@shop.example:8443/orders/7?token=hunter2",
            200,
        ),
        ("http://[::1]:80/", 404),
        ("http://one-too-many/", 500),
    ] {
        send(layer.clone(), uri, status).await;
    }
    assert_eq!(
        bench.series("http.client.request.duration"),
        "error.type=404 http.request.method=GET http.response.status_code=404 server.address=[::1] server.port=80 1 in 0.000 s\n\
         error.type=500 http.request.method=GET http.response.status_code=500 server.address=_OTHER 1 in 0.000 s\n\
         http.request.method=GET http.response.status_code=200 server.address=shop.example server.port=8443 1 in 0.000 s"
    );
    assert!(
        bench
            .series("http.client.active_requests")
            .lines()
            .all(|it| it.ends_with(" 0"))
    );
}

#[tokio::test]
async fn a_call_that_is_given_up_is_cancelled_and_one_that_is_refused_has_failed() {
    let bench = Bench::new();
    let layer = bench.client().http();
    let request = || Request::builder().uri("http://shop/").body(()).unwrap();
    let hangs = layer.layer(service_fn(async |_: Request<()>| {
        std::future::pending::<Result<Response<Body>, Infallible>>().await
    }));
    let given_up = tokio::time::timeout(std::time::Duration::ZERO, hangs.oneshot(request())).await;
    assert!(given_up.is_err());
    let refuses = layer.layer(service_fn(async |_: Request<()>| {
        Err::<Response<Body>, _>("refused")
    }));
    refuses.oneshot(request()).await.unwrap_err();
    assert_eq!(
        bench.series("http.client.request.duration"),
        "error.type=_OTHER http.request.method=GET server.address=shop 1 in 0.000 s\n\
         error.type=cancelled http.request.method=GET server.address=shop 1 in 0.000 s"
    );
}
