//! One graph through the server, and where the trace of its get is found: log lines, ring, chain, spans, metrics.
#![allow(clippy::print_stdout, reason = "a tour speaks on standard output")]

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cookbook_recipe_25_content_addressed_compute::proto::deriva_client::DerivaClient;
use cookbook_recipe_25_content_addressed_compute::proto::{
    GetRequest, PutLeafRequest, PutRecipeRequest, VerifyRequest,
};
use cookbook_recipe_25_content_addressed_compute::{
    Engine, Functions, Limits, Service, config, observer, serve,
};
use counterfoil::trace::{LogFormat, LogWriter};
use counterfoil::{Observer, SpanRecord, json};
use counterfoil_exporter::{Batch, MemoryExporter, Signals};
use tokio::net::TcpListener;
use tonic::Request;
use tonic::transport::Channel;

type Outcome<T> = Result<T, Box<dyn Error>>;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::main]
async fn main() -> Outcome<()> {
    let data = tempfile::tempdir()?;
    let observer = observer(data.path())?;
    let functions = Functions::standard().with_entropy();
    let engine = Engine::open(data.path(), &observer, functions, Limits::default())?;
    let lines = Lines::default();
    let spans = Arc::new(MemoryExporter::new(1_000).with_signals(Signals::SPANS));
    let guard = counterfoil::init(
        config(&observer, &engine)?
            .metrics_port(0)
            .log_format(LogFormat::Json)
            .log_writer(LogWriter::new(lines.clone()))
            .exporter("tour", Arc::clone(&spans)),
    )?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let (stop, health) = (guard.draining().begun(), guard.health().reader());
    let (served, service) = (observer.clone(), Service::new(engine));
    let server = tokio::spawn(async move { serve(listener, service, &served, health, stop).await });

    make_calls(DerivaClient::connect(url).await?).await?;
    for line in lines.about("rpc.get")? {
        println!("log line  {line}");
    }
    println!("ring      {}", in_ring(&observer)?);
    println!("chain     {}", in_chain(data.path(), "deriva.recipe_put")?);
    println!(
        "chain     {}",
        in_chain(data.path(), "deriva.determinism_violation")?
    );
    let metrics = guard.metrics_address().ok_or("metrics are served")?;
    println!(
        "metrics   {}",
        tokio::task::spawn_blocking(
            move || in_metrics(&metrics.to_string()).map_err(|error| error.to_string())
        )
        .await??
    );
    guard.draining().begin();
    server.await??;
    let report =
        tokio::task::spawn_blocking(move || guard.shutdown(Duration::from_secs(10))).await?;
    show_spans(&spans);
    println!("stopped   {report}");
    Ok(())
}

/// Puts "hello", a recipe that makes it upper case and one that is not deterministic; gets the one and verifies the other.
async fn make_calls(mut client: DerivaClient<Channel>) -> Outcome<()> {
    let data = "hello".into();
    let leaf = client.put_leaf(traced(PutLeafRequest { data })?).await?;
    let leaf = leaf.into_inner().address;
    let upper = PutRecipeRequest {
        function: "transform/v1".to_owned(),
        inputs: vec![leaf.clone()],
        parameters: [("op".to_owned(), "upper".to_owned())].into(),
    };
    let upper = client.put_recipe(traced(upper)?).await?.into_inner();
    let address = upper.address;
    let mut chunks = client
        .get(traced(GetRequest { address })?)
        .await?
        .into_inner();
    while let Some(chunk) = chunks.message().await? {
        println!("get       {}", String::from_utf8_lossy(&chunk.data));
    }
    let entropy = PutRecipeRequest {
        function: "entropy/v1".to_owned(),
        inputs: vec![leaf],
        parameters: [].into(),
    };
    let address = client
        .put_recipe(traced(entropy)?)
        .await?
        .into_inner()
        .address;
    let verified = client.verify(traced(VerifyRequest { address })?).await?;
    println!("verify    passed: {}", verified.into_inner().passed);
    Ok(())
}

fn traced<T>(message: T) -> Outcome<Request<T>> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("traceparent", TRACEPARENT.parse()?);
    Ok(request)
}

fn in_ring(observer: &Observer) -> Outcome<String> {
    let events = observer.events().snapshot();
    let event = events
        .events()
        .iter()
        .find(|it| it.event.kind_name() == "deriva.recipe_put")
        .ok_or("the ring has no such event")?;
    let mut line = String::new();
    json::push_event(&mut line, event, None);
    Ok(line)
}

fn in_chain(data: &Path, kind: &str) -> Outcome<String> {
    for entry in std::fs::read_dir(data.join("audit/segments"))? {
        let text = std::fs::read_to_string(entry?.path())?;
        let of_trace = |line: &&str| line.contains(TRACE) && line.contains(kind);
        if let Some(line) = text.lines().find(of_trace) {
            return Ok(line.to_owned());
        }
    }
    Err("no record has the trace".into())
}

fn in_metrics(address: &str) -> Outcome<String> {
    let text = ureq::get(format!("http://{address}/metrics"))
        .call()?
        .body_mut()
        .read_to_string()?;
    let wanted = [
        "deriva_cache_total",
        "deriva_compute_duration_seconds_count{function=\"transform/v1\"}",
        "deriva_verification_total",
    ];
    let lines = text
        .lines()
        .filter(|line| wanted.iter().any(|name| line.starts_with(name)));
    Ok(lines.collect::<Vec<_>>().join("\n          "))
}

/// The spans of the get, each below the one that it belongs to.
fn show_spans(spans: &MemoryExporter) {
    let batches = spans.batches();
    let all: Vec<_> = batches
        .iter()
        .filter_map(|batch| match batch {
            Batch::Spans(spans) => Some(spans.iter()),
            _ => None,
        })
        .flatten()
        .collect();
    let top = all
        .iter()
        .find(|span| &*span.name == "deriva.v1.Deriva/Get");
    if let Some(top) = top {
        show_below(top, &all, 0);
    }
}

fn show_below(span: &SpanRecord, all: &[&SpanRecord], depth: usize) {
    println!("span      {}{}", "  ".repeat(depth), span.name);
    let mut below: Vec<_> = all
        .iter()
        .filter(|it| it.parent == Some(span.trace.span_id))
        .collect();
    below.sort_by_key(|it| it.start);
    for span in below {
        show_below(span, all, depth + 1);
    }
}

/// Log lines, kept.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn about(&self, what: &str) -> Outcome<Vec<String>> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = std::str::from_utf8(&bytes)?;
        let of_trace = |line: &&str| line.contains(TRACE) && line.contains(what);
        Ok(text.lines().filter(of_trace).map(str::to_owned).collect())
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
