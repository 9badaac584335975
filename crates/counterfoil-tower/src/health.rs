//! Health pages within a service's own server.

use counterfoil_health::Health;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri, header};

/// The answer to a request for one of the health pages (`/livez`, `/readyz`, `/health`, `/healthz`, `/status`); `None` for any
/// other path. For axum take `counterfoil_tower::axum::health_routes`.
///
/// The body of an answer to `HEAD` is empty. Other methods than `GET` and `HEAD` are refused.
#[must_use]
pub fn health_page(
    health: &Health,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Option<Response<String>> {
    if !Health::PATHS.contains(&uri.path()) {
        return None;
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut refusal = Response::new("ask with GET or HEAD\n".to_owned());
        *refusal.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        let allowed = HeaderValue::from_static("GET, HEAD");
        refusal.headers_mut().insert(ALLOW, allowed);
        return Some(refusal);
    }
    let accept = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    let page = health.page(uri.path(), uri.query(), accept)?;
    let body = match *method {
        Method::HEAD => String::new(),
        _ => page.body,
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    for (name, value) in page.headers {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    Some(response)
}
