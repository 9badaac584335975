//! For axum.

use axum::extract::MatchedPath;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use counterfoil_core::{Current, json};
use counterfoil_metrics::Registry;
use http::request::Parts;

use crate::{ErrorCode, ServerLayer};

/// The layer of an axum application, which knows axum's routes. For other settings take
/// [`ServerLayer::builder`] with `.routes(`[`matched_path`]`)`.
///
/// It goes into [`Router::layer`](axum::Router::layer), after all routes were added, so that it is around each of them and the
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
