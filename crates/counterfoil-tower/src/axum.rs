//! For axum.

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use counterfoil_core::{Current, json};
use counterfoil_health::Health;
use counterfoil_metrics::Registry;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::{ErrorCode, ServerLayer, health_page};

/// The layer of an axum application, which knows axum's routes. For other settings take
/// [`ServerLayer::builder`] with `.routes(`[`matched_path`]`)`.
///
/// It goes into [`Router::layer`], after all routes were added, so that it is around each of them and the
/// route is known when it is called. Around the router as a whole it would be called before, and count every request as
/// `_UNMATCHED`.
///
/// ```
/// use axum::{Router, routing::get};
/// use counterfoil_metrics::Registry;
///
/// let registry = Registry::new();
/// let app: Router = Router::new()
///     .route("/users/{id}", get(|| async { "somebody" }))
///     .layer(counterfoil_tower::axum::layer(&registry));
/// ```
#[must_use]
pub fn layer(registry: &Registry) -> ServerLayer {
    ServerLayer::builder(registry).routes(matched_path).http()
}

/// The template of the route that axum has chosen.
#[must_use]
pub fn matched_path(request: &Parts) -> Option<&str> {
    request.extensions.get().map(MatchedPath::as_str)
}

/// The health pages as routes, to be merged into an application. Merged after the layer they are not measured, and a probe
/// every few seconds hides nothing:
///
/// ```
/// # fn app(health: &counterfoil_health::Health, registry: &counterfoil_metrics::Registry) -> axum::Router {
/// axum::Router::new()
///     .layer(counterfoil_tower::axum::layer(registry))
///     .merge(counterfoil_tower::axum::health_routes(health))
/// # }
/// ```
///
/// `/health` and `/status` say why something fails: merge them into what only operators reach, or serve them on a port of
/// their own, as `counterfoil::init` does.
pub fn health_routes<S: Clone + Send + Sync + 'static>(health: &Health) -> Router<S> {
    Health::PATHS.iter().fold(Router::new(), |router, path| {
        let health = health.clone();
        let answer = async move |request: Request| {
            health_page(&health, request.method(), request.uri(), request.headers())
                .unwrap_or_else(|| unreachable!("routed by the same paths"))
        };
        router.route(path, any(answer))
    })
}

impl IntoResponse for ErrorCode {
    /// An answer with the status of the code and its description as a problem (RFC 9457), beside the code and the request id;
    /// the layer finds the code in its extensions.
    fn into_response(self) -> Response {
        let mut body = String::from("{\"title\":");
        json::push_string(&mut body, self.description());
        body.push_str(",\"status\":");
        body.push_str(&self.http_status().to_string());
        body.push_str(",\"error_code\":");
        json::push_string(&mut body, self.as_str());
        if let Some(request) = Current::get().and_then(|it| it.request().copied()) {
            body.push_str(",\"request_id\":");
            json::push_string(&mut body, request.as_str());
        }
        body.push('}');
        let mut response = body.into_response();
        *response.status_mut() =
            StatusCode::from_u16(self.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, problem);
        response.extensions_mut().insert(self);
        response
    }
}
