//! Our layers, as `init` puts them together.

use counterfoil::Observer;
use counterfoil::trace::{LogFormat, LogLines, LogWriter, Pipeline};
use counterfoil_tower::axum as layers;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::side::Batches;
use super::{callsite, request, spans};
use crate::group::Outcome;

/// How many spans may wait for the drain: more than a batch has.
const WAITING: usize = 4_096;

/// Requests through the layers, with a JSON line for each if `json` says so.
pub(crate) fn requests(json: bool) -> Outcome<Batches> {
    let observer = Observer::builder().build()?;
    let pipeline = install(&observer, json)?;
    let service = request::service().layer(layers::layer(observer.registry()));
    Ok(request::batches_with(service, move || drain(&pipeline)))
}

/// Spans through the pipeline's layer.
pub(crate) fn spans() -> Outcome<Batches> {
    let pipeline = install(&Observer::builder().build()?, false)?;
    Ok(spans::batches(move || drain(&pipeline)))
}

/// Callsites that are disabled under a full subscriber.
pub(crate) fn callsites() -> Outcome<Batches> {
    install(&Observer::builder().build()?, true)?;
    Ok(callsite::batches())
}

fn install(observer: &Observer, json: bool) -> Outcome<Pipeline> {
    let mut pipeline = Pipeline::builder().ring(observer).spans(WAITING);
    if json {
        let sink = LogWriter::new(std::io::sink());
        pipeline = pipeline.log_lines(LogLines::new(LogFormat::Json, sink).span_close(true));
    }
    let pipeline = pipeline.build();
    let subscriber = spans::filtered_registry().with(pipeline.layer());
    subscriber.try_init()?;
    Ok(pipeline)
}

/// What an exporter's thread does: spans become records, which are dropped here.
fn drain(pipeline: &Pipeline) {
    while !pipeline.drain_spans(512).is_empty() {}
}
