//! A request through the layers of tower, seen by every sink.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use counterfoil::audit::AuditLog;
use counterfoil::metrics::Registry;
use counterfoil::tower::{Calls, ClientLayer, Consumer, ErrorCode, Message, Producer, ServerLayer};
use counterfoil::trace::LogFormat;
use counterfoil::{Current, LeaseId, Name, Observer, ResourceType, SpanKind, SpanRecord};
use http::{Request, Response};
use http_body_util::Empty;
use tower::{Layer, ServiceExt, service_fn};
use tracing::{Instrument, info, info_span};

use crate::tracing::support::{Page, builder, run};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

type Body = Empty<&'static [u8]>;

fn block_on<F: Future>(future: F) -> F::Output {
    counterfoil_testkit::block_on(future)
}

/// What a server that is called answers with: the `traceparent` that it was sent.
async fn called(request: Request<()>) -> Result<Response<Body>, Infallible> {
    let mut response = Response::new(Body::new());
    let sent = request.headers()["traceparent"].clone();
    response.headers_mut().insert("sent", sent);
    Ok(response)
}

/// All text files of a directory and those within it.
fn text_below(directory: &Path) -> String {
    let entries = std::fs::read_dir(directory).unwrap();
    entries
        .map(|it| it.unwrap().path())
        .map(|path| match path.is_dir() {
            true => text_below(&path),
            false => std::fs::read_to_string(path).unwrap_or_default(),
        })
        .collect()
}

fn of_kind(spans: &[SpanRecord], kind: SpanKind) -> &SpanRecord {
    spans.iter().find(|it| it.kind == kind).unwrap()
}

#[test]
fn a_traceparent_is_found_in_span_log_line_ring_and_audit_record() {
    let directory = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(directory.path(), "audit.example.com/requests")
        .open()
        .unwrap();
    let observer = Observer::builder().audit(log).build().unwrap();
    let registry = observer.metrics().registry().clone();
    let page = Page::default();
    let pipeline = builder().0.log_lines(page.lines(LogFormat::Json)).spans(16);

    let handler = service_fn(async |_: Request<()>| {
        info!("at work");
        observer
            .lease_acquired(
                &Current,
                ResourceType::Mem,
                LeaseId(7),
                &Name::new("node-a"),
                1,
            )
            .wait_durable(Duration::from_secs(10))
            .unwrap();
        let client = ClientLayer::builder(&registry)
            .http()
            .layer(service_fn(called));
        let call = Request::builder().uri("http://other/").body(()).unwrap();
        client.oneshot(call).instrument(info_span!("work")).await
    });
    let service = ServerLayer::builder(&registry).http().layer(handler);
    let request = Request::builder()
        .header("traceparent", TRACEPARENT)
        .header("x-request-id", "req-42")
        .body(())
        .unwrap();
    let (pipeline, answer) = run(pipeline, || block_on(service.oneshot(request)).unwrap());

    let spans = pipeline.drain_spans(16);
    assert_eq!(spans.len(), 3, "{spans:?}");
    let server = of_kind(&spans, SpanKind::Server);
    let work = of_kind(&spans, SpanKind::Internal);
    let client = of_kind(&spans, SpanKind::Client);
    assert!(
        spans
            .iter()
            .all(|it| it.trace.trace_id.to_string() == TRACE)
    );
    assert_eq!(server.parent.unwrap().to_string(), "b7ad6b7169203331");
    assert!(server.parent_is_remote && server.kind == SpanKind::Server);
    assert_eq!(work.parent, Some(server.trace.span_id));
    assert_eq!(client.parent, Some(work.trace.span_id));
    assert_eq!(answer.headers()["sent"], client.trace.to_string().as_str());

    let line = page
        .json()
        .into_iter()
        .find(|it| it["message"] == "at work")
        .unwrap();
    assert_eq!(line["trace_id"], TRACE);
    assert_eq!(line["request_id"], "req-42");
    let events = observer.events().snapshot().into_events();
    let context = &events[0].context;
    assert_eq!(context.trace(), Some(&server.trace));
    assert_eq!(context.request().unwrap().as_str(), "req-42");
    assert!(
        observer
            .close(Duration::from_secs(10))
            .is_some_and(|it| it.finished)
    );
    let sealed = text_below(directory.path());
    assert!(
        sealed.contains(TRACE) && sealed.contains("req-42"),
        "{sealed}"
    );
}

#[test]
fn a_call_of_a_job_goes_out_in_the_trace_of_the_span_around_it() {
    let registry = Registry::new();
    let (pipeline, sent) = run(builder().0.spans(4), || {
        let client = ClientLayer::builder(&registry)
            .http()
            .layer(service_fn(called));
        let job = info_span!("job");
        let answer = block_on(client.oneshot(Request::new(())).instrument(job)).unwrap();
        answer.headers()["sent"].to_str().unwrap().to_owned()
    });
    let spans = pipeline.drain_spans(4);
    let (job, call) = (
        of_kind(&spans, SpanKind::Internal),
        of_kind(&spans, SpanKind::Client),
    );
    assert_eq!(sent, call.trace.to_string());
    assert_eq!(call.trace.trace_id, job.trace.trace_id);
    assert_eq!(call.parent, Some(job.trace.span_id));
}

#[test]
fn the_span_of_a_message_is_linked_to_its_producer() {
    let registry = Registry::new();
    let orders = Consumer::new(&registry, "kafka", "orders");
    let message = Message::from_headers(&[("traceparent", TRACEPARENT)]);
    let (pipeline, ()) = run(builder().0.spans(4), || {
        block_on(orders.process(message, async { Ok::<_, ErrorCode>(()) })).unwrap();
    });
    let spans = pipeline.drain_spans(4);
    assert_eq!(spans[0].links, [TRACEPARENT.parse().unwrap()]);
    assert_eq!(
        (spans[0].kind, &*spans[0].name),
        (SpanKind::Consumer, "process orders")
    );
}

/// The span that stands as exemplar on the one bucket of this family that has counted something, by trace and span.
#[cfg(feature = "prometheus")]
fn exemplar(registry: &Registry, family: &str) -> (String, String) {
    use counterfoil::prometheus::{Format, Renderer};

    let page =
        Renderer::with_format(Format::OpenMetrics).render(&registry.snapshot(Default::default()));
    let buckets = page
        .lines()
        .filter(|line| line.starts_with(&format!("{family}_bucket{{")));
    let (_, exemplar) = buckets
        .filter_map(|line| line.split_once(" # "))
        .next()
        .unwrap_or_else(|| panic!("{family} has no exemplar:\n{page}"));
    let id = |key: &str| {
        let (_, value) = exemplar.split_once(&format!("{key}=\"")).unwrap();
        value.split('"').next().unwrap().to_owned()
    };
    (id("trace_id"), id("span_id"))
}

/// A handler that calls others, sends and processes a message, and calls a method of its own.
#[cfg(feature = "prometheus")]
async fn at_work(registry: &Registry) -> Result<Response<Body>, Infallible> {
    let clients = [
        ClientLayer::builder(registry).http(),
        ClientLayer::builder(registry).grpc("other:50051"),
    ];
    for client in clients {
        let call = request("http://other/shop.Orders/Get");
        client
            .layer(service_fn(called))
            .oneshot(call)
            .await
            .unwrap();
    }
    let headers = Vec::<(&str, String)>::new();
    let sent =
        Producer::new(registry, "kafka", "orders").send(headers, async |_| Ok::<_, ErrorCode>(()));
    sent.await.unwrap();
    let message = Message::from_headers(&[("traceparent", TRACEPARENT)]);
    let done = async { Ok::<_, ErrorCode>(()) };
    let consumer = Consumer::new(registry, "kafka", "orders");
    consumer.process(message, done).await.unwrap();
    let charged = Calls::new(registry, "charge").call(|| Ok::<_, ErrorCode>(()));
    charged.unwrap();
    Ok(Response::new(Body::new()))
}

#[cfg(feature = "prometheus")]
fn request(uri: &str) -> Request<()> {
    let request = Request::builder().uri(uri);
    request.header("traceparent", TRACEPARENT).body(()).unwrap()
}

#[cfg(feature = "prometheus")]
#[test]
fn each_duration_of_a_request_leads_to_the_span_that_it_was_measured_for() {
    let registry = Registry::new();
    let (pipeline, ()) = run(builder().0.spans(64), || {
        let servers = [
            ServerLayer::builder(&registry).http(),
            ServerLayer::builder(&registry).grpc(),
        ];
        for server in servers {
            let service = server.layer(service_fn(|_: Request<()>| at_work(&registry)));
            // The answer is dropped elsewhere than in the request, as servers do.
            drop(block_on(service.oneshot(request("/shop.Orders/Get"))).unwrap());
        }
    });
    let spans = pipeline.drain_spans(64);
    for (family, kind, name) in [
        (
            "http_server_request_duration_seconds",
            SpanKind::Server,
            "GET",
        ),
        (
            "rpc_server_call_duration_seconds",
            SpanKind::Server,
            "shop.Orders/Get",
        ),
        (
            "http_client_request_duration_seconds",
            SpanKind::Client,
            "GET",
        ),
        (
            "rpc_client_call_duration_seconds",
            SpanKind::Client,
            "shop.Orders/Get",
        ),
        (
            "messaging_client_operation_duration_seconds",
            SpanKind::Producer,
            "send orders",
        ),
        (
            "messaging_process_duration_seconds",
            SpanKind::Consumer,
            "process orders",
        ),
        (
            "counterfoil_call_duration_seconds",
            SpanKind::Internal,
            "charge",
        ),
    ] {
        let (trace, span) = exemplar(&registry, family);
        assert_eq!(trace, TRACE, "{family}");
        let of = spans.iter().find(|it| it.trace.span_id.to_string() == span);
        let of = of.map(|it| (it.kind, &*it.name));
        assert_eq!(of, Some((kind, name)), "{family}");
    }
}

#[cfg(feature = "prometheus")]
#[test]
fn durations_of_a_job_without_a_request_lead_to_their_spans_too() {
    let registry = Registry::new();
    let (pipeline, ()) = run(builder().0.spans(8), || {
        let sent = Producer::new(&registry, "kafka", "orders")
            .send(Vec::<(&str, String)>::new(), async |_| {
                Ok::<_, ErrorCode>(())
            });
        let charged = Calls::new(&registry, "charge").run(async { Ok::<_, ErrorCode>(()) });
        let job = async { sent.await.and(charged.await) };
        block_on(job.instrument(info_span!("job"))).unwrap();
    });
    let spans = pipeline.drain_spans(8);
    for (family, name) in [
        ("messaging_client_operation_duration_seconds", "send orders"),
        ("counterfoil_call_duration_seconds", "charge"),
    ] {
        let (trace, span) = exemplar(&registry, family);
        let of = spans
            .iter()
            .find(|it| it.trace.span_id.to_string() == span)
            .unwrap();
        assert_eq!(
            (&*of.name, of.trace.trace_id.to_string()),
            (name, trace),
            "{family}"
        );
    }
}
