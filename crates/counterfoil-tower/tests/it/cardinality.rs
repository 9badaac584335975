//! Clients cannot make up labels.

use std::convert::Infallible;

use http::{Method, Request, Response, StatusCode};
use http_body_util::Empty;
use tower::{Layer, Service, service_fn};

use crate::Bench;

type Body = Empty<&'static [u8]>;

async fn status(answer: StatusCode) -> Result<Response<Body>, Infallible> {
    let mut response = Response::new(Body::new());
    *response.status_mut() = answer;
    Ok(response)
}

#[tokio::test]
async fn made_up_paths_and_methods_are_one_series() {
    let bench = Bench::new();
    let mut service = bench
        .server()
        .http()
        .layer(service_fn(|_: Request<()>| status(StatusCode::NOT_FOUND)));
    for attempt in 0..3_000 {
        let request = Request::builder()
            .method(Method::from_bytes(format!("M{attempt}").as_bytes()).unwrap())
            .uri(format!("/{attempt}?q={attempt}"))
            .header("x-request-id", format!("r{attempt}"))
            .body(())
            .unwrap();
        service.call(request).await.unwrap();
    }
    assert_eq!(
        bench.requests(),
        "http.request.method=_OTHER http.response.status_code=404 http.route=_UNMATCHED url.scheme=http 3000 in 0.000 s"
    );
}

#[tokio::test]
async fn routes_beyond_the_limit_are_counted_together() {
    let bench = Bench::new();
    let layer = bench
        .server()
        .max_routes(2)
        .routes(|request| Some(request.uri.path()))
        .http();
    let mut service = layer.layer(service_fn(|_: Request<()>| status(StatusCode::OK)));
    for path in ["/a", "/b", "/c", "/d", "/a"] {
        service
            .call(Request::builder().uri(path).body(()).unwrap())
            .await
            .unwrap();
    }
    let line = |route: &str, count: u8| {
        format!(
            "http.request.method=GET http.response.status_code=200 http.route={route} url.scheme=http {count} in 0.000 s"
        )
    };
    assert_eq!(
        bench.requests(),
        [line("/a", 2), line("/b", 1), line("_OTHER", 2)].join("\n")
    );
}

#[tokio::test]
async fn a_grpc_method_is_known_once_an_answer_shows_that_it_exists() {
    let bench = Bench::new();
    let mut service = bench
        .server()
        .grpc()
        .layer(service_fn(async |request: Request<()>| {
            let status = match request.uri().path() {
                "/shop.Orders/Get" => "0",
                "/shop.Orders/Broken" => "13",
                "/shop.Orders/Locked" => "16",
                path if path.starts_with("/shed.") => "8",
                _ => "12",
            };
            let response = Response::builder()
                .header("grpc-status", status)
                .body(Body::new())
                .unwrap();
            Ok::<_, Infallible>(response)
        }));
    let mut ask = async |path: &str| {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .body(())
            .unwrap();
        service.call(request).await.unwrap();
    };
    for attempt in 0..3_000 {
        ask(&format!("/made.Up/M{attempt}")).await;
        ask(&format!("/shed.Up/M{attempt}")).await;
    }
    for path in [
        "/shop.Orders/Get",
        "/shop.Orders/Get",
        "/shop.Orders/Broken",
        "/shop.Orders/Locked",
        "/shop.Orders/Get%0a",
        "/no/method/at/all",
    ] {
        ask(path).await;
    }
    assert_eq!(
        bench.series("rpc.server.call.duration"),
        "error.type=INTERNAL rpc.method=shop.Orders/Broken rpc.response.status_code=INTERNAL rpc.system.name=grpc 1 in 0.000 s\n\
         error.type=UNIMPLEMENTED rpc.method=_OTHER rpc.response.status_code=UNIMPLEMENTED rpc.system.name=grpc 3002 in 0.000 s\n\
         rpc.method=_OTHER rpc.response.status_code=RESOURCE_EXHAUSTED rpc.system.name=grpc 3000 in 0.000 s\n\
         rpc.method=_OTHER rpc.response.status_code=UNAUTHENTICATED rpc.system.name=grpc 1 in 0.000 s\n\
         rpc.method=shop.Orders/Get rpc.response.status_code=OK rpc.system.name=grpc 2 in 0.000 s"
    );
    let active = bench.active();
    assert_eq!(
        active,
        "http.request.method=POST http.route=/shop.Orders/Get url.scheme=http 0\n\
         http.request.method=POST http.route=_OTHER url.scheme=http 0"
    );
}
