//! A span that has ended, as an exporter sees it.

use std::borrow::Cow;
use std::sync::Arc;

use crate::{Attribute, RequestId, SpanId, Timestamp, TraceContext};

/// One span after its end, in the terms of OpenTelemetry's trace data model. Its text is not redacted yet.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "a record, built by whoever traces and taken apart by whoever exports"
)]
pub struct SpanRecord {
    /// The trace, this span's own id, and the flags.
    pub trace: TraceContext,
    /// The span within which this one was started; `None` for the root of a trace.
    pub parent: Option<SpanId>,
    /// Whether the parent belongs to another process.
    pub parent_is_remote: bool,
    /// What `tracestate` carried, passed on unchanged.
    pub trace_state: Option<Arc<str>>,
    /// The request that it belongs to.
    pub request: Option<RequestId>,
    /// Of low cardinality: `GET /users/{id}`, not `GET /users/7`.
    pub name: Cow<'static, str>,
    /// On which side of a call it stands.
    pub kind: SpanKind,
    /// When it started.
    pub start: Timestamp,
    /// When it ended; not before `start`.
    pub end: Timestamp,
    /// How it ended.
    pub status: SpanStatus,
    /// What describes it, in the order of recording.
    pub attributes: Vec<Attribute>,
    /// Attributes that the limit left no room for.
    pub dropped_attributes: u32,
    /// What happened in it, in time order.
    pub events: Vec<SpanEvent>,
    /// Events that the limit left no room for.
    pub dropped_events: u32,
    /// Spans that it follows from without being their child, such as the producer of a message.
    pub links: Vec<TraceContext>,
    /// The module that recorded it: the instrumentation scope.
    pub scope: &'static str,
}

/// On which side of a call a span stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(
    clippy::exhaustive_enums,
    reason = "OpenTelemetry's closed set; exporters must handle each kind"
)]
pub enum SpanKind {
    /// Within a process.
    #[default]
    Internal,
    /// Answers a remote call.
    Server,
    /// Makes a remote call.
    Client,
    /// Sends a message.
    Producer,
    /// Handles a message.
    Consumer,
}

/// How a span ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "OpenTelemetry's closed set; exporters must handle each kind"
)]
pub enum SpanStatus {
    /// Nobody said.
    #[default]
    Unset,
    /// Somebody said that it went well.
    Ok,
    /// It failed, and why.
    Error(Cow<'static, str>),
}

/// Something that happened at one moment within a span.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "a record, built by whoever traces and taken apart by whoever exports"
)]
pub struct SpanEvent {
    /// When.
    pub time: Timestamp,
    /// What.
    pub name: Cow<'static, str>,
    /// What describes it.
    pub attributes: Vec<Attribute>,
}

impl SpanKind {
    /// The kind in lower case, as the field `otel.kind` has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

impl SpanRecord {
    /// How long it took.
    #[must_use]
    pub const fn duration(&self) -> std::time::Duration {
        self.end.since(self.start)
    }

    /// Whether it failed.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        matches!(self.status, SpanStatus::Error(_))
    }
}
