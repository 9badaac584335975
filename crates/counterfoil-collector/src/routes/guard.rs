//! The way in to what is served.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use counterfoil::metrics::Registry;
use counterfoil::names;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Uri};

use crate::auth::Authority;
use crate::body::{BodyLimits, Decoded};
use crate::limits::{Metered, TenantLimits};
use crate::server::Peer;
use crate::{Caller, Reason, Refusal};

/// Puts the [`Caller`](crate::Caller) into the extensions of each request to `routes`, and lets none past that has no valid
/// credential. The key is taken out of the request.
pub fn authenticated(routes: Router, authority: Arc<Authority>) -> Router {
    routes.layer(middleware::from_fn_with_state(authority, authenticate))
}

async fn authenticate(
    State(authority): State<Arc<Authority>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(peer) = request.extensions().get::<Peer>() else {
        let refusal = Refusal::new(
            Reason::Internal,
            "it is not known whom the request came from",
        );
        return refusal.into_response();
    };
    match authority.caller(peer, request.headers()) {
        Ok(caller) => {
            request.headers_mut().remove(AUTHORIZATION);
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Has the tenant's limits count for each request to `routes`, and gives them bodies that are decoded and charged: what reads one
/// gets pieces of at most 64 KiB, or the [`Refusal`] by way of [`broken`](crate::body::broken). Goes within [`authenticated`].
pub fn limited(routes: Router, limits: Arc<TenantLimits>, bodies: BodyLimits) -> Router {
    routes.layer(middleware::from_fn_with_state((limits, bodies), limit))
}

async fn limit(
    State((limits, bodies)): State<(Arc<TenantLimits>, BodyLimits)>,
    request: Request,
    next: Next,
) -> Response {
    let Some(caller) = request.extensions().get::<Caller>() else {
        return Refusal::new(Reason::Internal, "it is not known who asks").into_response();
    };
    let limit = limits.of(&caller.tenant);
    let charged = limit.request().and_then(|under_way| {
        let (mut parts, body) = request.into_parts();
        if body.is_end_stream() {
            return Ok((under_way, Request::from_parts(parts, body)));
        }
        limit.open()?;
        let body = Metered::new(Decoded::new(&parts.headers, body, bodies)?, limit);
        // It is decoded now, and as long as it happens to be.
        parts.headers.remove(CONTENT_ENCODING);
        parts.headers.remove(CONTENT_LENGTH);
        Ok((under_way, Request::from_parts(parts, Body::new(body))))
    });
    match charged {
        Ok((_under_way, request)) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Counts in `registry` what `routes` refuse, by reason. Goes around everything else.
pub fn counted(routes: Router, registry: &Registry) -> Router {
    let refused = registry.family(&names::COLLECTOR_REQUEST_REFUSED);
    routes.layer(middleware::map_response(move |response: Response| {
        if let Some(reason) = response.extensions().get::<Reason>() {
            refused.with(&[reason.code()]).increment();
        }
        std::future::ready(response)
    }))
}

/// What no route takes: 404 and 405 as problem details, and headers for every answer.
pub fn closed(routes: Router) -> Router {
    routes
        .fallback(|uri: Uri| async move { Refusal::new(Reason::NotFound, missing(uri.path())) })
        .method_not_allowed_fallback(|| async {
            let refusal = Refusal::new(
                Reason::MethodNotAllowed,
                "this resource does not take that method",
            );
            refusal.into_response()
        })
        .layer(middleware::map_response(careful))
}

fn missing(path: &str) -> &'static str {
    match path.starts_with("/v1/audit/") || path.starts_with("/v1/chains/") {
        true => {
            "there is no such resource; a chain id is one segment of the path, so send each / in it as %2F"
        }
        false => "there is no such resource",
    }
}

async fn careful(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
