//! Rate, latency and requests in flight by route and status, through the macros of `metrics`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::Body;
use axum::extract::MatchedPath;
use http::{Method, Request, Response, StatusCode};
use metrics::{SharedString, counter, gauge, histogram};
use tower_layer::Layer;
use tower_service::Service;

/// Counts and times requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct MetricsLayer;

impl<S> Layer<S> for MetricsLayer {
    type Service = MetricsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MetricsService { inner }
    }
}

/// What the layer makes of a service.
#[derive(Clone, Copy, Debug)]
pub(super) struct MetricsService<S> {
    inner: S,
}

impl<S, B> Service<Request<Body>> for MetricsService<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Counted<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let route = request.extensions().get::<MatchedPath>();
        let route = SharedString::from(route.map_or("", MatchedPath::as_str).to_owned());
        let method = method(request.method());
        gauge!("http_server_active_requests", "method" => method, "route" => route.clone())
            .increment(1);
        Counted {
            inner: self.inner.call(request),
            start: Instant::now(),
            method,
            route,
        }
    }
}

pin_project_lite::pin_project! {
    /// The answer to come.
    #[derive(Debug)]
    pub(super) struct Counted<F> {
        #[pin]
        inner: F,
        start: Instant,
        method: &'static str,
        route: SharedString,
    }
}

impl<F, B, E> Future for Counted<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(cx));
        let status = answer
            .as_ref()
            .map_or("error", |answer| status(answer.status()));
        let (method, route) = (*this.method, this.route.clone());
        gauge!("http_server_active_requests", "method" => method, "route" => route.clone())
            .decrement(1);
        counter!("http_server_requests_total", "method" => method, "route" => route.clone(), "status" => status)
            .increment(1);
        histogram!("http_server_request_duration_seconds", "method" => method, "route" => route, "status" => status)
            .record(this.start.elapsed());
        Poll::Ready(answer)
    }
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        _ => "_OTHER",
    }
}

fn status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200 => "200",
        404 => "404",
        _ => "other",
    }
}
