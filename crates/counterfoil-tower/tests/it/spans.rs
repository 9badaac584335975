//! What a subscriber of `tracing` sees.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use counterfoil_tower::RouteTemplate;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::{Bench, TRACE, TRACEPARENT};

counterfoil_tower::error_codes! {
    /// What can go wrong.
    CATALOGUE;
    /// More was ordered than there is.
    OUT_OF_STOCK: "order.out_of_stock", http 409, grpc 9;
    /// The warehouse does not answer.
    WAREHOUSE_DOWN: "order.warehouse_down", http 503, grpc 14;
}

type Fields = BTreeMap<String, String>;

/// Keeps the fields of each span, and how many were opened.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<(String, Fields)>>>);

struct Collect<'a>(&'a mut Fields);

impl Visit for Collect<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

struct At(usize);

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Seen {
    fn on_new_span(&self, new: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut fields = Fields::new();
        new.record(&mut Collect(&mut fields));
        let mut spans = self.0.lock().unwrap();
        ctx.span(id)
            .unwrap()
            .extensions_mut()
            .insert(At(spans.len()));
        spans.push((new.metadata().name().to_owned(), fields));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        let span = ctx.span(id).unwrap();
        let extensions = span.extensions();
        let at = extensions.get::<At>().unwrap().0;
        values.record(&mut Collect(&mut self.0.lock().unwrap()[at].1));
    }
}

impl Seen {
    pub(crate) fn watch(&self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(tracing_subscriber::registry().with(self.clone()))
    }

    pub(crate) fn spans(&self) -> Vec<(String, Fields)> {
        self.0.lock().unwrap().clone()
    }
}

/// Serves one request that is answered with this, and gives the only span that was opened.
async fn span_of(answer: Result<StatusCode, counterfoil_tower::ErrorCode>) -> Fields {
    let (bench, seen) = (Bench::new(), Seen::default());
    let _watching = seen.watch();
    let service = service_fn(move |_: Request<()>| {
        let mut response = Response::new(Full::new(&b"secret-in-body"[..]));
        match answer {
            Ok(status) => *response.status_mut() = status,
            Err(code) => {
                *response.status_mut() = StatusCode::from_u16(code.http_status()).unwrap();
                response.extensions_mut().insert(code);
            }
        }
        async { Ok::<_, Infallible>(response) }
    });
    let mut request = Request::builder()
        .uri("/users/secret-in-path?token=secret-in-query")
        .header("authorization", "secret-in-header")
        .header("traceparent", TRACEPARENT)
        .header("tracestate", "a=1")
        .header("x-request-id", "req-42")
        .body(())
        .unwrap();
    request
        .extensions_mut()
        .insert(RouteTemplate::new("/users/{id}"));
    let response = bench
        .server()
        .http()
        .layer(service)
        .oneshot(request)
        .await
        .unwrap();
    response.into_body().collect().await.unwrap();
    let spans = seen.spans();
    assert_eq!(spans.len(), 1, "one span per request");
    spans[0].1.clone()
}

#[tokio::test]
async fn the_span_of_a_request_says_where_it_belongs_and_nothing_that_a_client_made_up() {
    let fields = span_of(Ok(StatusCode::OK)).await;
    let expected = [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("http.route", "/users/{id}"),
        ("network.protocol.version", "1.1"),
        ("otel.kind", "server"),
        ("otel.name", "GET /users/{id}"),
        ("parent_span_id", "b7ad6b7169203331"),
        ("request_id", "req-42"),
        ("span_id", "0000000000000001"),
        ("trace_flags", "1"),
        ("trace_id", TRACE),
        ("trace_state", "a=1"),
        ("url.scheme", "http"),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(fields, BTreeMap::from(expected));
}

#[tokio::test]
async fn the_span_of_a_failed_request_is_an_error_span_with_the_code_of_the_catalogue() {
    let of = async |answer| {
        let fields = span_of(answer).await;
        ["otel.status_code", "error.type", "error_code"]
            .map(|key| fields.get(key).cloned().unwrap_or_default())
    };
    assert_eq!(of(Ok(StatusCode::BAD_GATEWAY)).await, ["ERROR", "502", ""]);
    assert_eq!(of(Ok(StatusCode::NOT_FOUND)).await, ["", "", ""]);
    let (code, text) = (WAREHOUSE_DOWN, "order.warehouse_down");
    assert_eq!(of(Err(code)).await, ["ERROR", text, text]);
    let (code, text) = (OUT_OF_STOCK, "order.out_of_stock");
    assert_eq!(
        of(Err(code)).await,
        ["", text, text],
        "the client's fault is no error of the server"
    );
    assert_eq!(CATALOGUE.len(), 2);
}
