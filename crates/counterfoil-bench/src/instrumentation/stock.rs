//! The same job from stock crates: tower-http, `metrics`, tracing-opentelemetry and tracing-subscriber's fmt.

mod layer;
mod trace;

use std::time::Duration;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::layer::MetricsLayer;
use super::side::Batches;
use super::{callsite, request, spans};
use crate::group::Outcome;
use crate::stock::recorder;

/// Requests through the layers, with a JSON line for each if `json` says so.
pub(crate) fn requests(json: bool) -> Outcome<Batches> {
    let handle = install_recorder()?;
    install_subscriber(json)?;
    let lines = if json {
        trace::with_lines()
    } else {
        trace::without_lines()
    };
    let service = request::service()
        .route_layer(lines)
        .route_layer(MetricsLayer);
    // Without upkeep the recorder buffers every sample; somebody has to pay for the draining.
    Ok(request::batches_with(service, move || handle.run_upkeep()))
}

/// `service` within the layers, with upkeep every second on a thread of its own; no line per request.
pub(crate) fn layers(service: Router) -> Outcome<Router> {
    let handle = install_recorder()?;
    install_subscriber(false)?;
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            handle.run_upkeep();
        }
    });
    Ok(service
        .route_layer(trace::without_lines())
        .route_layer(MetricsLayer))
}

/// Spans through tracing-opentelemetry; `tuned` switches off what can be.
pub(crate) fn spans(tuned: bool) -> Outcome<Batches> {
    let layer = open_telemetry();
    let layer = if tuned {
        layer
            .with_context_activation(false)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
    } else {
        layer
    };
    spans::filtered_registry().with(layer).try_init()?;
    Ok(spans::batches(|| ()))
}

/// Callsites that are disabled under a full subscriber.
pub(crate) fn callsites() -> Outcome<Batches> {
    install_subscriber(true)?;
    Ok(callsite::batches())
}

fn install_recorder() -> Outcome<PrometheusHandle> {
    let recorder = recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| error.to_string())?;
    Ok(handle)
}

fn install_subscriber(json: bool) -> Outcome<()> {
    let lines = json.then(|| {
        tracing_subscriber::fmt::layer()
            .json()
            .with_writer(std::io::sink)
    });
    let subscriber = spans::filtered_registry()
        .with(open_telemetry())
        .with(lines);
    Ok(subscriber.try_init()?)
}

/// Every span is sampled, and dropped when it ends: what an exporter costs is not part of the comparison.
fn open_telemetry<S>() -> OpenTelemetryLayer<S, SdkTracer>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let provider = SdkTracerProvider::builder()
        .with_span_processor(trace::Dropping)
        .build();
    tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"))
}
