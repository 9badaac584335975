//! Health pages in an application.

use axum::Router;
use axum::body::Body;
use counterfoil_health::Health;
use http::{Method, Request};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::Bench;

#[tokio::test]
async fn health_pages_are_routes_and_are_not_measured() {
    let bench = Bench::new();
    let health = Health::builder("shop", "1.0.0").start().unwrap();
    let app: Router = Router::new()
        .layer(counterfoil_tower::axum::layer(&bench.registry))
        .merge(counterfoil_tower::axum::health_routes(&health));
    let ask = async |method: Method, path: &str| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), head.headers, body)
    };
    for path in Health::PATHS {
        let (status, headers, body) = ask(Method::GET, path).await;
        assert_eq!(status, 200, "{path}");
        assert_eq!(headers["cache-control"], "no-store");
        assert!(!body.is_empty());
        let (status, _, body) = ask(Method::HEAD, path).await;
        assert!(status == 200 && body.is_empty(), "{path}");
    }
    let (status, headers, _) = ask(Method::POST, "/livez").await;
    assert_eq!(
        (status, headers["allow"].as_bytes()),
        (405, &b"GET, HEAD"[..])
    );
    let (status, ..) = ask(Method::GET, "/livez/more").await;
    assert_eq!(status, 404);
    assert!(!bench.requests().contains("livez"), "{}", bench.requests());
    health.drain();
    assert_eq!(ask(Method::GET, "/readyz").await.0, 503);
    assert_eq!(ask(Method::GET, "/livez").await.0, 200);
}
