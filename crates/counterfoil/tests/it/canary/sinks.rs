//! Everything that shows what it was told.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Instant;

use counterfoil::events::{Drain, JsonEventSink};
use counterfoil::health::Health;
use counterfoil::init::Config;
use counterfoil::prometheus::{Renderer, ScrapeServer};
use counterfoil::trace::LogWriter;
use counterfoil::{MetricSnapshot, json};
use counterfoil_exporter::{
    Batch, Exporter, FanOut, JsonLinesExporter, Limit, MemoryExporter, Redacting, Retry,
    RetryPolicy,
};
use counterfoil_exporter_otlp::{OtlpExporter, Resource, Target};
use counterfoil_testkit::otlp::{GrpcReceiver, HttpReceiver};

use super::places::Told;
use crate::support::PATIENCE;
use crate::tracing::support::Page;

pub(crate) type Shows = fn(&Told) -> String;

/// Every sink by the name of its type, and what it shows.
pub(crate) const SINKS: &[(&str, Shows)] = &[
    ("Renderer", |told| {
        Renderer::new().render(&told.observer.snapshot())
    }),
    ("ScrapeServer", scraped),
    ("JsonLinesExporter", |told| {
        let page = Page::default();
        export(told, JsonLinesExporter::new(page.clone()));
        page.text()
    }),
    ("JsonLinesExporter within FanOut, Limit and Retry", |told| {
        let page = Page::default();
        let lines = Retry::new(JsonLinesExporter::new(page.clone()), RetryPolicy::new());
        export(told, FanOut::new().and(Limit::new(lines, 100_000).unwrap()));
        page.text()
    }),
    ("MemoryExporter", |told| {
        let kept = std::sync::Arc::new(MemoryExporter::new(100_000));
        export(told, std::sync::Arc::clone(&kept));
        format!("{:?}", kept.batches())
    }),
    ("OtlpExporter over HTTP", |told| {
        let receiver = HttpReceiver::start([]);
        let url = |path: &str| Target::http(&format!("{}{path}", receiver.endpoint())).unwrap();
        let builder = OtlpExporter::builder(Resource::new("canary"));
        let builder = builder
            .traces(url("/v1/traces"))
            .metrics(url("/v1/metrics"))
            .logs(url("/v1/logs"));
        export(told, builder.build().unwrap());
        format!("{:?}", receiver.received())
    }),
    ("OtlpExporter over gRPC", |told| {
        let receiver = GrpcReceiver::start([]);
        let target = || Target::grpc(&receiver.endpoint()).unwrap();
        let builder = OtlpExporter::builder(Resource::new("canary"));
        let builder = builder.traces(target()).metrics(target()).logs(target());
        export(told, builder.build().unwrap());
        format!("{:?}", receiver.received())
    }),
    ("JsonEventSink", |told| {
        let page = Page::default();
        let pass =
            Drain::new(told.observer.events().clone()).pass(&JsonEventSink::new(page.clone()));
        assert!(pass.counts.delivered > 0);
        page.text()
    }),
    ("EventRingBuffer", |told| {
        let mut lines = String::new();
        for event in told.observer.events().snapshot().iter() {
            json::push_event(&mut lines, event, None);
        }
        lines
    }),
    ("the page /events of init", |told| {
        let config = Config::new("canary", "1.0.0").without_globals();
        let config = config.log_writer(LogWriter::new(std::io::sink()));
        let config = config.observer(told.observer.clone()).metrics_port(0);
        let guard = counterfoil::init(config.events_page(true)).unwrap();
        page(
            guard.metrics_address().unwrap(),
            "/events?limit=10000",
            "*/*",
        )
    }),
    ("AuditLog", |told| files(&told.log_dir)),
    ("PipelineLayer, text", |told| told.text.text()),
    ("PipelineLayer, JSON", |told| told.json.text()),
    ("Health", |told| {
        let pages = Health::PATHS.iter().flat_map(|path| {
            let page = |accept| {
                told.health
                    .page(path, Some("verbose"), Some(accept))
                    .unwrap()
                    .body
            };
            ["text/html", "application/json"].map(page)
        });
        pages.collect()
    }),
];

pub(crate) fn read(shows: Shows, told: &Told) -> String {
    shows(told)
}

/// Exports everything, redacted as `init` has it.
fn export(told: &Told, exporter: impl Exporter) {
    let exporter = Redacting::new(exporter);
    let events: Vec<_> = told.observer.events().snapshot().into_iter().collect();
    let batches: [Batch; 4] = [
        told.observer.snapshot().into(),
        events.into(),
        told.spans.clone().into(),
        told.logs.clone().into(),
    ];
    for batch in batches {
        assert!(!batch.is_empty());
        exporter.export(batch).unwrap();
    }
    exporter.flush(Instant::now() + PATIENCE).unwrap();
}

fn scraped(told: &Told) -> String {
    let observer = told.observer.clone();
    let snapshot = move || -> MetricSnapshot { observer.snapshot() };
    let server = ScrapeServer::builder(snapshot)
        .start((Ipv4Addr::LOCALHOST, 0).into())
        .unwrap();
    let mut shown = String::new();
    for accept in ["text/plain", "application/openmetrics-text; version=1.0.0"] {
        shown += &page(server.address(), "/metrics", accept);
    }
    server.stop().unwrap();
    shown
}

fn page(address: SocketAddr, path: &str, accept: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut shown = String::new();
    stream.read_to_string(&mut shown).unwrap();
    shown
}

/// The content of each file below `dir`.
fn files(dir: &std::path::Path) -> String {
    let mut shown = String::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            shown.push_str(&files(&path));
        } else {
            shown.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
        }
    }
    shown
}
