//! tower-http's `TraceLayer` as a service sets it up for tracing-opentelemetry.

use std::time::Duration;

use axum::body::Body;
use axum::extract::MatchedPath;
use axum::response::Response;
use http::{HeaderMap, Request};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Span as SdkSpan, SpanData, SpanProcessor};
use tower_http::classify::{ServerErrorsAsFailures, SharedClassifier};
use tower_http::trace::TraceLayer;
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The layer with a span for each request and nothing else that it could say.
type SpanPerRequest = TraceLayer<
    SharedClassifier<ServerErrorsAsFailures>,
    fn(&Request<Body>) -> Span,
    (),
    fn(&Response, Duration, &Span),
    (),
    (),
    (),
>;

/// A span for each request.
pub(super) fn without_lines() -> SpanPerRequest {
    layer(|response, _, span| record_status(response, span))
}

/// A span and a line for each request.
pub(super) fn with_lines() -> SpanPerRequest {
    layer(|response, latency, span| {
        record_status(response, span);
        let (status, seconds) = (response.status().as_u16(), latency.as_secs_f64());
        tracing::info!(status, seconds, "request");
    })
}

fn layer(on_response: fn(&Response, Duration, &Span)) -> SpanPerRequest {
    TraceLayer::new_for_http()
        .make_span_with(span_of as fn(&Request<Body>) -> Span)
        .on_request(())
        .on_response(on_response)
        .on_body_chunk(())
        .on_eos(())
        .on_failure(())
}

fn span_of(request: &Request<Body>) -> Span {
    let route = request.extensions().get::<MatchedPath>();
    let span = tracing::info_span!(
        "request",
        otel.kind = "server",
        http.request.method = request.method().as_str(),
        http.route = route.map_or("", MatchedPath::as_str),
        url.path = request.uri().path(),
        http.response.status_code = Empty,
    );
    let parent = TraceContextPropagator::new().extract(&Headers(request.headers()));
    // Refused only of a span that was entered already.
    let _new_span = span.set_parent(parent);
    span
}

fn record_status(response: &Response, span: &Span) {
    span.record("http.response.status_code", response.status().as_u16());
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// Drops spans when they end.
#[derive(Debug)]
pub(super) struct Dropping;

impl SpanProcessor for Dropping {
    fn on_start(&self, _: &mut SdkSpan, _: &Context) {}

    fn on_end(&self, _: SpanData) {}

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
