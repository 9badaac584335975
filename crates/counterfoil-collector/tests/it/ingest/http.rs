//! The routes of taking records in.

use axum::body::Body;
use axum::{Extension, Router};
use counterfoil_collector::body::BodyLimits;
use counterfoil_collector::routes::ingest;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::producer::signed;
use super::{builder, caller};

const PATH: &str = "/v1/audit/audit.example.com%2Fleases%2F1";

async fn ask(
    router: &Router,
    method: Method,
    headers: &[(&str, &str)],
    body: Body,
) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(PATH);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_chain_is_registered_extended_and_gone_on_with_over_http() {
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path()).start().unwrap();
    let routes = ingest(collector.clone(), BodyLimits::default());
    let log = signed("audit.example.com/leases", 20);
    let unknown = ask(&routes, Method::GET, &[], Body::empty()).await;
    assert_eq!(unknown.0, StatusCode::UNAUTHORIZED);

    let routes = routes.layer(Extension(caller("acme")));
    let (status, problem) = ask(&routes, Method::GET, &[], Body::empty()).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::NOT_FOUND, &json!("not_found"))
    );
    let key = log.key.as_ref().unwrap().to_string();
    let body = Body::from(json!({ "verifier_key": key }).to_string());
    let (status, registered) = ask(&routes, Method::PUT, &[], body).await;
    assert_eq!(
        (status, &registered["tenant"]),
        (StatusCode::OK, &json!("acme"))
    );
    let (status, _) = ask(&routes, Method::PUT, &[], Body::from("{}")).await;
    assert_eq!(
        status,
        StatusCode::BAD_REQUEST,
        "a key is not left out by mistake"
    );
    let (status, _) = ask(
        &routes,
        Method::PUT,
        &[],
        Body::from("{\"verifier_key\":null}"),
    )
    .await;
    assert_eq!(status, StatusCode::CONFLICT);

    let zeros = "0".repeat(64);
    let (_, head) = ask(&routes, Method::GET, &[], Body::empty()).await;
    assert_eq!((&head["seq"], &head["hash"]), (&json!(0), &json!(zeros)));

    let ndjson = [
        ("content-type", "application/x-ndjson"),
        ("content-encoding", "zstd"),
    ];
    let bytes = [log.some(1, 11), log.some(12, 13)].concat();
    let bytes = zstd::encode_all(&*bytes, 0).unwrap();
    let (status, problem) = ask(&routes, Method::POST, &ndjson, Body::from(bytes)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["code"], "sequence");
    assert_eq!(
        (&problem["seq"], &problem["acknowledged"]),
        (&json!(12), &json!(10))
    );
    assert_eq!(problem["expected"]["seq"], 10);
    assert_eq!(problem["expected"]["hash"], log.head(10).hash.to_string());

    let rest = [log.all(), log.checkpoint_line()].concat();
    let (status, ack) = ask(&routes, Method::POST, &ndjson[..1], Body::from(rest)).await;
    assert_eq!(status, StatusCode::OK, "{ack}");
    assert_eq!(
        (&ack["acknowledged"], &ack["known"]),
        (&json!(log.seq()), &json!(10))
    );
    assert!(
        ack["cosignature"]
            .as_str()
            .unwrap()
            .starts_with("— collector.example.com/witness ")
    );
}

#[tokio::test]
async fn what_is_no_ndjson_is_refused_before_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path()).start().unwrap();
    let routes = ingest(collector, BodyLimits::default()).layer(Extension(caller("acme")));
    for headers in [
        [("content-type", "application/x-www-form-urlencoded")],
        [("content-encoding", "br")],
    ] {
        let (status, problem) = ask(&routes, Method::POST, &headers, Body::from("x")).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{problem}");
    }
}

#[tokio::test]
async fn a_path_that_is_no_chain_id_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path()).start().unwrap();
    let routes = ingest(collector, BodyLimits::default()).layer(Extension(caller("acme")));
    for path in [
        "/v1/audit/..%2F..%2Fetc%2Fpasswd",
        "/v1/audit/audit.example.com%2Fleases%2F0",
        "/v1/audit/audit.example.com%2F..%2F1",
        "/v1/audit/audit.example.com%2FLeases%2F1",
        "/v1/audit/%00",
        "/v1/audit/a%0d%0ab",
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = routes.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
    }
}
