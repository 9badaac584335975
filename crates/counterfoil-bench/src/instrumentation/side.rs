//! The sides that need a process of their own.

use std::time::Duration;

use clap::ValueEnum;

use super::figure::Figure;
use super::{callsite, ours, request, spans, stock};
use crate::group::Outcome;
use crate::measure::{Batch, allocations, round};

/// What a process measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    /// A request without any layer.
    RequestBare,
    /// With our layers: metrics, ring, spans; no log line per request.
    RequestOurs,
    /// The same with a JSON line per request.
    RequestOursJson,
    /// With tower-http, `metrics` and tracing-opentelemetry; no log line per request.
    RequestStock,
    /// The same with a JSON line per request.
    RequestStockJson,
    /// A span through our layer.
    SpanOurs,
    /// A span through the registry of tracing-subscriber alone.
    SpanRegistry,
    /// A span through tracing-opentelemetry as it comes.
    SpanStock,
    /// A span through tracing-opentelemetry with everything switched off that can be.
    SpanStockTuned,
    /// A disabled callsite in a process without a subscriber.
    CallsiteNone,
    /// With our layer behind an `EnvFilter`.
    CallsiteOurs,
    /// With fmt's JSON layer and tracing-opentelemetry behind an `EnvFilter`.
    CallsiteStock,
}

impl Side {
    /// Measures this side here, in a process that does nothing else.
    pub(crate) fn measure(self, length: Duration) -> Outcome<Figure> {
        let (ops, make): (u32, Box<dyn Fn() -> Batch<'static> + Sync>) = match self {
            Self::RequestBare => request::batches(request::service()),
            Self::RequestOurs => ours::requests(false)?,
            Self::RequestOursJson => ours::requests(true)?,
            Self::RequestStock => stock::requests(false)?,
            Self::RequestStockJson => stock::requests(true)?,
            Self::SpanOurs => ours::spans()?,
            Self::SpanRegistry => spans::through_registry()?,
            Self::SpanStock => stock::spans(false)?,
            Self::SpanStockTuned => stock::spans(true)?,
            Self::CallsiteNone => callsite::batches(),
            Self::CallsiteOurs => ours::callsites()?,
            Self::CallsiteStock => stock::callsites()?,
        };
        Ok(Figure {
            ns: round(length, 1, ops, &*make),
            allocations: allocations(ops, make()),
        })
    }
}

/// How many operations a batch has, and how one is made.
pub(crate) type Batches = (u32, Box<dyn Fn() -> Batch<'static> + Sync>);
