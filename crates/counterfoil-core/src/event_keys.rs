//! What an event is known by, key by key, for whoever writes it down in a form of its own.

use crate::{Event, FabricEvent, LeaseId, Name, SpanId, TraceId};

/// A value of an [`Event`]. Its text is not redacted and not escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "whoever writes an event down must handle each"
)]
pub enum EventValue<'a> {
    /// A name or another short text.
    Text(&'a str),
    /// The trace.
    Trace(TraceId),
    /// The span.
    Span(SpanId),
    /// A lease: a number that readers of JSON would round, so it is written as text.
    Lease(LeaseId),
    /// An amount.
    Number(u64),
}

impl Event {
    /// Calls `visit` with each key that this event has and its value, always in the same order: who acts, where in which trace
    /// and request, which lease and node, and what the kind of event has beside. Time and kind are not among them. The
    /// keys are those of [`json::push_event`](crate::json::push_event).
    pub fn each_key(&self, visit: &mut dyn FnMut(&'static str, EventValue<'_>)) {
        let Self { context, event, .. } = self;
        let identity = context.identity();
        visit("tenant", EventValue::Text(context.tenant()));
        name(visit, "workload", identity.workload.as_ref());
        name(visit, "principal", identity.principal.as_ref());
        name(visit, "tag", context.tag().map(crate::AccountingTag::name));
        name(visit, "from", context.from());
        if let Some(trace) = context.trace() {
            visit("trace_id", EventValue::Trace(trace.trace_id));
            visit("span_id", EventValue::Span(trace.span_id));
        }
        if let Some(request) = context.request() {
            visit("request_id", EventValue::Text(request.as_str()));
        }
        if let Some(lease) = event.lease_id() {
            visit("lease_id", EventValue::Lease(lease));
        }
        name(visit, "node_id", event.node());
        of_kind(event, visit);
    }
}

fn name(
    visit: &mut dyn FnMut(&'static str, EventValue<'_>),
    key: &'static str,
    name: Option<&Name>,
) {
    if let Some(name) = name {
        visit(key, EventValue::Text(name.as_str()));
    }
}

/// What only events of this kind have.
fn of_kind(event: &FabricEvent, visit: &mut dyn FnMut(&'static str, EventValue<'_>)) {
    use EventValue::{Lease, Number, Text};
    match event {
        FabricEvent::LeaseAcquired {
            resource_type,
            bytes,
            ..
        } => {
            visit("resource_type", Text(resource_type.as_str()));
            visit("bytes", Number(*bytes));
        }
        FabricEvent::LeaseRenewed {
            resource_type,
            ttl_ms,
            ..
        } => {
            visit("resource_type", Text(resource_type.as_str()));
            visit("ttl_ms", Number(*ttl_ms));
        }
        FabricEvent::LeaseReleased { resource_type, .. }
        | FabricEvent::LeaseExpired { resource_type, .. } => {
            visit("resource_type", Text(resource_type.as_str()));
        }
        FabricEvent::LeasePreempted {
            resource_type,
            by,
            reason,
            ..
        } => {
            visit("resource_type", Text(resource_type.as_str()));
            if let Some(by) = by {
                visit("by", Lease(*by));
            }
            visit("reason", Text(reason.as_str()));
        }
        FabricEvent::OperationFailed {
            op,
            error,
            bytes,
            elapsed_ns,
            ..
        } => {
            visit("op", Text(op.as_str()));
            visit("error", Text(error.as_str()));
            visit("bytes", Number(*bytes));
            visit("elapsed_ns", Number(*elapsed_ns));
        }
        FabricEvent::Disconnected { reason, .. } => visit("reason", Text(reason.as_str())),
        FabricEvent::Reconnected { .. } => {}
        FabricEvent::Custom { value, .. } => visit("value", Number(*value)),
    }
}
