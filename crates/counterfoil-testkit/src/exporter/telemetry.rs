//! Spans and log records of every kind.

use std::sync::Arc;

use counterfoil_core::{
    Attribute, AttributeValue, LogRecord, RequestId, Severity, SpanEvent, SpanId, SpanKind,
    SpanRecord, SpanStatus, Timestamp, TraceContext, TraceId,
};

/// What a line of text or JSON must not pass on as it is.
const HOSTILE: &str = "quote \" backslash \\ line\nfeed \u{1b}[2J \u{202e} \u{0} é 漢";

/// One span of each kind, among them a root without anything and a failed one with everything.
pub(super) fn spans() -> Vec<SpanRecord> {
    let kinds = [
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ];
    kinds.into_iter().zip(1..).map(span).collect()
}

fn span((kind, n): (SpanKind, u8)) -> SpanRecord {
    let full = kind == SpanKind::Server;
    let start = Timestamp::from_unix_seconds(1_700_000_000);
    SpanRecord {
        trace: trace(n),
        parent: full.then(|| trace(9).span_id),
        parent_is_remote: full,
        trace_state: full.then(|| Arc::from("vendor=opaque")),
        request: full.then(request),
        name: if full { HOSTILE.into() } else { "work".into() },
        kind,
        start,
        end: Timestamp::from_unix_nanos(start.unix_nanos() + u64::from(n)),
        status: match kind {
            SpanKind::Server => SpanStatus::Error(HOSTILE.into()),
            SpanKind::Client => SpanStatus::Ok,
            _ => SpanStatus::Unset,
        },
        attributes: if full { attributes() } else { Vec::new() },
        dropped_attributes: full.into(),
        events: full.then(|| event(start)).into_iter().collect(),
        dropped_events: full.into(),
        links: full.then(|| trace(8)).into_iter().collect(),
        scope: if full {
            "conformance::server"
        } else {
            "conformance"
        },
    }
}

/// One log record of each severity, and one with everything.
pub(super) fn logs() -> Vec<LogRecord> {
    let severities = [
        Severity::Trace,
        Severity::Debug,
        Severity::Info,
        Severity::Warn,
        Severity::Error,
        Severity::Fatal,
    ];
    severities.into_iter().zip(1..).map(log).collect()
}

fn log((severity, n): (Severity, u64)) -> LogRecord {
    let full = severity == Severity::Error;
    LogRecord {
        time: Timestamp::from_unix_nanos(1_700_000_000_000_000_000 + n),
        severity,
        event_name: full.then(|| "conformance.failed".into()),
        body: if full { HOSTILE.into() } else { String::new() },
        attributes: if full { attributes() } else { Vec::new() },
        dropped_attributes: full.into(),
        trace: full.then(|| trace(1)),
        request: full.then(request),
        scope: if full {
            HOSTILE.into()
        } else {
            "conformance".into()
        },
    }
}

fn attributes() -> Vec<Attribute> {
    let values = [
        AttributeValue::Bool(true),
        AttributeValue::Int(i64::MIN),
        AttributeValue::Float(f64::NAN),
        AttributeValue::Text(HOSTILE.into()),
    ];
    let named = values.into_iter().enumerate();
    let mut attributes: Vec<_> = named
        .map(|(n, value)| Attribute::new(format!("key.{n}"), value))
        .collect();
    attributes.push(Attribute::new(HOSTILE, 0.5));
    attributes
}

fn event(time: Timestamp) -> SpanEvent {
    SpanEvent {
        time,
        name: HOSTILE.into(),
        attributes: attributes(),
    }
}

fn request() -> RequestId {
    "conformance-1"
        .parse()
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Ids of these bytes; `n` is not 0.
fn trace(n: u8) -> TraceContext {
    match (TraceId::from_bytes([n; 16]), SpanId::from_bytes([n; 8])) {
        (Some(trace_id), Some(span_id)) => TraceContext {
            trace_id,
            span_id,
            flags: 1,
        },
        _ => panic!("ids of zeros are none"),
    }
}
