//! Context and headers of a request.

use std::convert::Infallible;

use counterfoil_core::{Current, WorkloadIdentity};
use counterfoil_tower::RouteTemplate;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};

use crate::{Bench, TRACE, TRACEPARENT};

type Body = Full<&'static [u8]>;

/// Answers with the context that it finds.
async fn show(
    _request: Request<Body>,
) -> Result<Response<Full<std::io::Cursor<Vec<u8>>>>, Infallible> {
    let context = Current::get().unwrap();
    let text = format!(
        "{} {} {} {}",
        context.tenant(),
        context.trace().unwrap(),
        context.request().unwrap(),
        context.trace_state().map_or("-", |it| it.as_str()),
    );
    Ok(Response::new(Full::new(std::io::Cursor::new(
        text.into_bytes(),
    ))))
}

async fn ask(layer: counterfoil_tower::ServerLayer, request: Request<Body>) -> (String, HeaderMap) {
    let response = layer
        .layer(service_fn(show))
        .oneshot(request)
        .await
        .unwrap();
    let headers = response.headers().clone();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (String::from_utf8(body.to_vec()).unwrap(), headers)
}

fn request(headers: &[(&'static str, &'static str)]) -> Request<Body> {
    let mut request = Request::new(Body::default());
    for (name, value) in headers {
        request
            .headers_mut()
            .append(*name, http::HeaderValue::from_static(value));
    }
    request
}

#[tokio::test]
async fn a_request_joins_the_trace_of_its_caller_and_keeps_its_id() {
    let bench = Bench::new();
    let given = request(&[
        ("traceparent", TRACEPARENT),
        ("tracestate", "a=1"),
        ("tracestate", "b=2"),
        ("x-request-id", "req-42"),
    ]);
    let (body, headers) = ask(bench.server().http(), given).await;
    assert_eq!(
        body,
        format!("unknown 00-{TRACE}-0000000000000001-01 req-42 a=1,b=2")
    );
    assert_eq!(headers["x-request-id"], "req-42");
    assert!(!headers.contains_key("x-trace-id"));
}

#[tokio::test]
async fn hostile_headers_are_as_good_as_none() {
    let bench = Bench::new();
    let given = request(&[
        (
            "traceparent",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        ),
        ("tracestate", "a=1"),
        ("x-request-id", "<script>alert(1)</script>"),
    ]);
    let (body, headers) = ask(bench.server().http(), given).await;
    let made = "00000000000000000000000000000002";
    assert_eq!(
        body,
        format!("unknown 00-00000000000000000000000000000001-0000000000000003-01 {made} -")
    );
    assert_eq!(headers["x-request-id"], made);
}

#[tokio::test]
async fn at_a_trust_boundary_nothing_of_the_caller_is_taken_over() {
    let bench = Bench::new();
    let given = request(&[("traceparent", TRACEPARENT), ("x-request-id", "req-42")]);
    let (body, _) = ask(bench.server().at_trust_boundary().http(), given).await;
    assert!(!body.contains(TRACE) && !body.contains("req-42"), "{body}");
}

#[tokio::test]
async fn the_tenant_is_what_the_application_says() {
    let bench = Bench::new();
    let layer = bench
        .server()
        .identity(|request| request.extensions.get::<WorkloadIdentity>().cloned())
        .default_identity(WorkloadIdentity::tenant_only("nobody"))
        .http();
    let mut given = request(&[("x-tenant", "evil")]);
    let (body, _) = ask(layer.clone(), given.clone()).await;
    assert!(body.starts_with("nobody "), "{body}");
    given
        .extensions_mut()
        .insert(WorkloadIdentity::tenant_only("acme"));
    let (body, _) = ask(layer, given).await;
    assert!(body.starts_with("acme "), "{body}");
}

#[tokio::test]
async fn the_older_pair_is_taken_and_on_request_given() {
    let bench = Bench::new();
    let given = request(&[("x-trace-id", TRACE), ("x-span-id", "b7ad6b7169203331")]);
    let layer = bench.server().older_pair().echo_request_id(false).http();
    let (body, headers) = ask(layer, given).await;
    assert!(body.contains(TRACE), "{body}");
    assert_eq!(headers["x-trace-id"], TRACE);
    assert_eq!(headers["x-span-id"], "0000000000000002");
    assert!(!headers.contains_key("x-request-id"));
}

#[tokio::test]
async fn a_trace_that_begins_here_is_sampled_as_the_sampler_says() {
    let bench = Bench::new();
    let layer = bench.server().sampled(|_| false).http();
    let (body, _) = ask(layer.clone(), request(&[])).await;
    assert!(body.contains("-00 "), "{body}");
    let (body, _) = ask(layer, request(&[("traceparent", TRACEPARENT)])).await;
    assert!(body.contains("-01 "), "the caller had decided: {body}");
}

#[tokio::test]
async fn a_request_is_counted_by_route_method_and_status() {
    let bench = Bench::new();
    let layer = bench.server().https().http();
    let mut given = request(&[]);
    given
        .extensions_mut()
        .insert(RouteTemplate::new("/users/{id}"));
    ask(layer.clone(), given).await;
    let mut strange = request(&[]);
    *strange.method_mut() = http::Method::from_bytes(b"BREW").unwrap();
    *strange.uri_mut() = "/secret?token=hunter2".parse().unwrap();
    ask(layer, strange).await;
    assert_eq!(
        bench.requests(),
        "http.request.method=GET http.response.status_code=200 http.route=/users/{id} url.scheme=https 1 in 0.000 s\n\
         http.request.method=_OTHER http.response.status_code=200 http.route=_UNMATCHED url.scheme=https 1 in 0.000 s"
    );
    assert_eq!(
        bench.active(),
        "http.request.method=GET http.route=/users/{id} url.scheme=https 0\n\
         http.request.method=_OTHER http.route=_UNMATCHED url.scheme=https 0"
    );
}
