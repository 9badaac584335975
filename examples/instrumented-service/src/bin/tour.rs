//! One request through the lease desk, and where its trace is found: log line, ring, audit record, span, metrics.
#![allow(clippy::print_stdout, reason = "a tour speaks on standard output")]

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cookbook_instrumented_service::{Tenants, config, observer, router};
use counterfoil::trace::{LogFormat, LogWriter};
use counterfoil::{Observer, SpanKind, json};
use counterfoil_exporter::{Batch, MemoryExporter, Signals};
use tokio::net::TcpListener;

type Outcome<T> = Result<T, Box<dyn Error>>;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn main() -> Outcome<()> {
    let data = tempfile::tempdir()?;
    let observer = observer(data.path())?;
    let lines = Lines::default();
    let spans = Arc::new(MemoryExporter::new(1_000).with_signals(Signals::SPANS));
    let guard = counterfoil::init(
        config(&observer)?
            .metrics_port(0)
            .log_format(LogFormat::Json)
            .log_writer(LogWriter::new(lines.clone()))
            .exporter("tour", Arc::clone(&spans)),
    )?;
    let runtime = tokio::runtime::Runtime::new()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let app = router(observer.clone(), Tenants::parse("acme key-of-acme"));
    let stop = guard.draining().begun();
    let served = runtime.spawn(async {
        axum::serve(listener, app)
            .with_graceful_shutdown(stop)
            .await
    });

    println!("answer    {}", ask(address)?);
    println!("log line  {}", lines.about(TRACE)?);
    println!("ring      {}", in_ring(&observer)?);
    println!("audit     {}", in_audit_log(data.path())?);
    let metrics = guard.metrics_address().ok_or("metrics are served")?;
    println!("metrics   {}", in_metrics(metrics)?);
    let report = guard.shutdown(Duration::from_secs(10));
    println!("span      {}", in_export(&spans)?);
    runtime.block_on(served)??;
    println!("stopped   {report}");
    Ok(())
}

/// What curl does in the README.
fn ask(address: SocketAddr) -> Outcome<String> {
    let mut answer = ureq::post(format!("http://{address}/leases"))
        .header("authorization", "Bearer key-of-acme")
        .header("traceparent", TRACEPARENT)
        .header("x-request-id", "order-7")
        .content_type("application/json")
        .send(r#"{"node": "node-a", "bytes": 4096, "note": "password=hunter2"}"#)?;
    let status = answer.status();
    Ok(format!("{status} {}", answer.body_mut().read_to_string()?))
}

fn in_ring(observer: &Observer) -> Outcome<String> {
    let events = observer.events().snapshot();
    let event = events.events().first().ok_or("the ring is empty")?;
    let mut line = String::new();
    json::push_event(&mut line, event, None);
    Ok(line)
}

fn in_audit_log(data: &Path) -> Outcome<String> {
    for entry in std::fs::read_dir(data.join("audit/segments"))? {
        let text = std::fs::read_to_string(entry?.path())?;
        if let Some(line) = text.lines().find(|line| line.contains(TRACE)) {
            return Ok(line.to_owned());
        }
    }
    Err("no record has the trace".into())
}

fn in_metrics(address: SocketAddr) -> Outcome<String> {
    let text = ureq::get(format!("http://{address}/metrics"))
        .call()?
        .body_mut()
        .read_to_string()?;
    let wanted = [
        "http_server_request_duration_seconds_count",
        "counterfoil_lease_acquired_total{resource_type=\"mem\"}",
    ];
    let lines = text
        .lines()
        .filter(|line| wanted.iter().any(|name| line.starts_with(name)));
    Ok(lines.collect::<Vec<_>>().join("\n          "))
}

fn in_export(spans: &MemoryExporter) -> Outcome<String> {
    let batches = spans.batches();
    let mut spans = batches.iter().flat_map(|batch| match batch {
        Batch::Spans(spans) => &spans[..],
        _ => &[],
    });
    // The spans of its steps have ended before it.
    let span = spans.find(|span| span.kind == SpanKind::Server);
    let span = span.ok_or("the span of the request was not exported")?;
    let mut line = String::new();
    json::push_span(&mut line, span);
    Ok(line)
}

/// Log lines, kept.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn about(&self, what: &str) -> Outcome<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        Ok(text
            .lines()
            .find(|line| line.contains(what))
            .ok_or("no line has it")?
            .to_owned())
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
