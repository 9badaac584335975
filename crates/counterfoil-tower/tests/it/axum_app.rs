//! In an axum application, over a real connection.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use counterfoil_core::Current;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{Bench, TRACE, TRACEPARENT};

counterfoil_tower::error_codes! {
    /// What can go wrong.
    CATALOGUE;
    /// More was ordered than "there" is.
    OUT_OF_STOCK: "order.out_of_stock", http 409, grpc 9;
}

async fn user(Path(id): Path<u32>) -> String {
    let context = Current::get().unwrap();
    format!("{id} {}", context.trace().unwrap().trace_id)
}

async fn order() -> Result<&'static str, counterfoil_tower::ErrorCode> {
    Err(OUT_OF_STOCK)
}

async fn serve(bench: &Bench) -> SocketAddr {
    let layer = bench
        .server()
        .routes(counterfoil_tower::axum::matched_path)
        .http();
    let inner = Router::new().route("/orders", post(order));
    let app = Router::new()
        .route("/users/{id}", get(user))
        .nest("/v1/{tenant}", inner)
        .layer(layer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn ask(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{head} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ntraceparent: {TRACEPARENT}\r\nx-request-id: req-42\r\ncontent-length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn routes_are_known_by_their_templates_nested_ones_too() {
    let bench = Bench::new();
    let address = serve(&bench).await;
    for id in [7, 8] {
        let answer = ask(address, &format!("GET /users/{id}?q=secret")).await;
        assert!(answer.contains("x-request-id: req-42\r\n"), "{answer}");
        assert!(answer.ends_with(&format!("{id} {TRACE}")), "{answer}");
    }
    ask(address, "POST /v1/acme/orders").await;
    ask(address, "GET /v1/acme/nothing").await;
    ask(address, "GET /nowhere").await;
    ask(address, "BREW /users/7").await;
    assert_eq!(
        bench.requests(),
        "error.type=order.out_of_stock http.request.method=POST http.response.status_code=409 http.route=/v1/{tenant}/orders url.scheme=http 1 in 0.000 s\n\
         http.request.method=GET http.response.status_code=200 http.route=/users/{id} url.scheme=http 2 in 0.000 s\n\
         http.request.method=GET http.response.status_code=404 http.route=_UNMATCHED url.scheme=http 2 in 0.000 s\n\
         http.request.method=_OTHER http.response.status_code=405 http.route=/users/{id} url.scheme=http 1 in 0.000 s"
    );
    let active = bench.active();
    assert!(active.lines().all(|it| it.ends_with(" 0")), "{active}");
}

#[tokio::test]
async fn a_code_of_the_catalogue_is_an_answer() {
    let bench = Bench::new();
    let address = serve(&bench).await;
    let answer = ask(address, "POST /v1/acme/orders").await;
    assert!(answer.starts_with("HTTP/1.1 409 "), "{answer}");
    assert!(
        answer.contains("content-type: application/problem+json\r\n"),
        "{answer}"
    );
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    assert_eq!(
        body,
        "{\"title\":\"More was ordered than \\\"there\\\" is.\",\"status\":409,\"error_code\":\"order.out_of_stock\",\"request_id\":\"req-42\"}"
    );
    assert_eq!(CATALOGUE, [OUT_OF_STOCK]);
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_its_request() {
    let bench = Bench::new();
    let (started, mut has_started) = tokio::sync::mpsc::channel::<()>(1);
    let layer = bench
        .server()
        .routes(counterfoil_tower::axum::matched_path)
        .http();
    let slow = move || async move {
        started.send(()).await.unwrap();
        std::future::pending::<()>().await;
    };
    let app: Router = Router::new().route("/slow", get(slow)).layer(layer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nhost: shop\r\n\r\n")
        .await
        .unwrap();
    has_started.recv().await.unwrap();
    assert_eq!(
        bench.active(),
        "http.request.method=GET http.route=/slow url.scheme=http 1"
    );
    drop(stream);
    while bench.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        bench.requests(),
        "error.type=cancelled http.request.method=GET http.route=/slow url.scheme=http 1 in 0.000 s"
    );
    assert_eq!(
        bench.active(),
        "http.request.method=GET http.route=/slow url.scheme=http 0"
    );
}
