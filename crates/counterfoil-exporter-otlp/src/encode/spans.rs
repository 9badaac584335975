//! Spans.

use counterfoil_core::{SpanKind, SpanRecord, SpanStatus, TraceContext};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind as Kind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, SpanFlags, Status};

use super::{Scopes, scope, values};
use crate::request::Request;

pub(super) fn request(resource: Option<Resource>, scopes: Scopes<'_, Span>) -> Request {
    let scopes = scopes.into_iter().map(|(name, spans)| ScopeSpans {
        scope: scope(name),
        spans,
        ..ScopeSpans::default()
    });
    let spans = ResourceSpans {
        resource,
        scope_spans: scopes.collect(),
        ..ResourceSpans::default()
    };
    Request::Traces(ExportTraceServiceRequest {
        resource_spans: vec![spans],
    })
}

pub(super) fn span(record: &SpanRecord) -> Span {
    let mut attributes = values::attributes(&record.attributes);
    if let Some(request) = &record.request {
        attributes.push(values::key_value(
            "request_id",
            values::text(request.as_str()),
        ));
    }
    let parent = record.parent.map(|parent| parent.as_bytes().to_vec());
    let trace_state = record.trace_state.as_deref().unwrap_or_default();
    Span {
        trace_id: record.trace.trace_id.as_bytes().to_vec(),
        span_id: record.trace.span_id.as_bytes().to_vec(),
        trace_state: trace_state.to_owned(),
        parent_span_id: parent.unwrap_or_default(),
        flags: flags(record),
        name: record.name.clone().into_owned(),
        kind: kind(record.kind).into(),
        start_time_unix_nano: record.start.unix_nanos(),
        end_time_unix_nano: record.end.unix_nanos(),
        attributes,
        dropped_attributes_count: record.dropped_attributes,
        events: record.events.iter().map(event).collect(),
        dropped_events_count: record.dropped_events,
        links: record.links.iter().map(link).collect(),
        dropped_links_count: 0,
        status: status(&record.status),
    }
}

/// The flags of the trace, and whether the parent is remote, which is always known here.
const fn flags(record: &SpanRecord) -> u32 {
    let remote = match record.parent_is_remote {
        true => SpanFlags::ContextIsRemoteMask as u32,
        false => 0,
    };
    record.trace.flags as u32 | SpanFlags::ContextHasIsRemoteMask as u32 | remote
}

fn event(event: &counterfoil_core::SpanEvent) -> Event {
    Event {
        time_unix_nano: event.time.unix_nanos(),
        name: event.name.clone().into_owned(),
        attributes: values::attributes(&event.attributes),
        dropped_attributes_count: 0,
    }
}

fn link(link: &TraceContext) -> Link {
    Link {
        trace_id: link.trace_id.as_bytes().to_vec(),
        span_id: link.span_id.as_bytes().to_vec(),
        flags: link.flags.into(),
        ..Link::default()
    }
}

const fn kind(kind: SpanKind) -> Kind {
    match kind {
        SpanKind::Internal => Kind::Internal,
        SpanKind::Server => Kind::Server,
        SpanKind::Client => Kind::Client,
        SpanKind::Producer => Kind::Producer,
        SpanKind::Consumer => Kind::Consumer,
    }
}

fn status(status: &SpanStatus) -> Option<Status> {
    let (code, message) = match status {
        SpanStatus::Unset => return None,
        SpanStatus::Ok => (StatusCode::Ok, ""),
        SpanStatus::Error(message) => (StatusCode::Error, &**message),
    };
    Some(Status {
        message: message.to_owned(),
        code: code.into(),
    })
}
