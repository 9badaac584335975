//! Pages for whoever runs the collector.

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use counterfoil::health::Health;
use counterfoil::prometheus::{Format, Renderer};
use counterfoil::tower::health_page;
use counterfoil::{MetricSnapshot, Redact as _, Redactor};
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE};

use crate::{Caller, Reason, Refusal, Scope};

/// `/livez` and `/readyz`, for supervisors and balancers. They give no reasons, so they need no credential.
pub fn probes(health: &Health) -> Router {
    pages(health, |path| matches!(path, "/livez" | "/readyz"))
}

/// `/health`, `/status` and `/metrics`, which say why something fails and how much there is: for callers with the scope `admin`.
pub fn operator_pages(
    health: &Health,
    snapshot: impl Fn() -> MetricSnapshot + Clone + Send + Sync + 'static,
) -> Router {
    let metrics = async move |request: Request| metrics(&snapshot(), &request);
    pages(health, |path| !matches!(path, "/livez" | "/readyz"))
        .route("/metrics", get(metrics))
        .layer(axum::middleware::from_fn(for_admins))
}

fn pages(health: &Health, wanted: impl Fn(&str) -> bool) -> Router {
    let paths = Health::PATHS.iter().filter(|path| wanted(path));
    paths.fold(Router::new(), |router, path| {
        let health = health.clone();
        let answer = async move |request: Request| {
            health_page(&health, request.method(), request.uri(), request.headers())
                .ok_or_else(|| Refusal::new(Reason::NotFound, "there is no such page"))
        };
        router.route(path, any(answer))
    })
}

fn metrics(snapshot: &MetricSnapshot, request: &Request) -> Response {
    let accept = request.headers().get(ACCEPT);
    let format = Format::negotiate(accept.and_then(|it| it.to_str().ok()));
    let text = Renderer::with_format(format).render(snapshot);
    let mut response = Redactor::new()
        .redact(&text)
        .unwrap_or(text)
        .into_response();
    let content_type = HeaderValue::from_static(format.content_type());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

async fn for_admins(request: Request, next: axum::middleware::Next) -> Response {
    let caller = request.extensions().get::<Caller>();
    if caller.is_some_and(|caller| caller.scopes.contains(Scope::Admin)) {
        return next.run(request).await;
    }
    Refusal::new(Reason::Forbidden, "this needs the scope admin").into_response()
}
