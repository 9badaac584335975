//! What is handed to a chain to be sealed.

use counterfoil_core::{
    Context, ExtensionKind, FabricEvent, LeaseId, Name, RequestId, SpanId, Timestamp, TraceId,
};

use crate::data::{
    AuditEventData, LeaseAllocated, LeaseExpired, LeasePreempted, LeaseReleased, LeaseRenewed,
    OperationFailed,
};
use crate::{Metadata, Object, Outcome, SrcId, Text, Value};

/// Everything that a record says beside its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditInput {
    /// What happened; decides the kind.
    pub data: AuditEventData,
    /// How it ended.
    pub outcome: Outcome,
    /// What it is about.
    pub keys: Keys,
    /// Where it comes from.
    pub src: Src,
    /// On whose behalf.
    pub who: Who,
}

/// Keys that a record shares with metrics, events and traces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// The lease.
    pub lease: Option<LeaseId>,
    /// The node.
    pub node: Option<Text>,
    /// The request.
    pub request: Option<RequestId>,
    /// The span.
    pub span: Option<SpanId>,
    /// The trace.
    pub trace: Option<TraceId>,
}

/// Where a record comes from, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Src {
    /// Instance and lane.
    pub id: SrcId,
    /// Number within the lane, from 1, taken when the record is offered.
    pub n: u64,
    /// When it happened.
    pub time: Timestamp,
}

/// On whose behalf something happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Address or service that the call came from.
    pub from: Option<Text>,
    /// Pseudonym of the person or service account ([`PseudonymKey`](crate::PseudonymKey)), or [`Text::erasable`]; never the plain
    /// identity.
    pub principal: Option<Text>,
    /// Accounting tag.
    pub tag: Option<Text>,
    /// The tenant.
    pub tenant: Option<Text>,
    /// The workload.
    pub workload: Option<Text>,
}

impl Who {
    /// Nobody in particular.
    #[must_use]
    pub fn nobody() -> Self {
        Self::default()
    }
}

impl From<&Context> for Who {
    fn from(context: &Context) -> Self {
        let identity = context.identity();
        Self {
            from: context.from().map(Text::from),
            principal: identity.principal.as_ref().map(Text::from),
            tag: context.tag().map(|tag| tag.name().into()),
            tenant: Some((&identity.tenant).into()),
            workload: identity.workload.as_ref().map(Text::from),
        }
    }
}

impl AuditInput {
    /// A record about nobody and no key in particular, which went well: what the log says about itself.
    #[must_use]
    pub fn new(data: AuditEventData, src: Src) -> Self {
        Self {
            data,
            outcome: Outcome::Success,
            keys: Keys::default(),
            src,
            who: Who::nobody(),
        }
    }

    /// The record of a lifecycle event.
    ///
    /// `Disconnected` and `Reconnected` become `fabric.disconnected` and `fabric.reconnected`; a `Custom` event keeps its kind.
    #[must_use]
    pub fn from_event(event: &FabricEvent, context: &Context, src: Src) -> Self {
        let (data, outcome) = data_of(event);
        let trace = context.trace();
        Self {
            data,
            outcome,
            keys: Keys {
                lease: event.lease_id(),
                node: event.node().map(Text::from),
                request: context.request().copied(),
                span: trace.map(|trace| trace.span_id),
                trace: trace.map(|trace| trace.trace_id),
            },
            src,
            who: context.into(),
        }
    }
}

fn data_of(event: &FabricEvent) -> (AuditEventData, Outcome) {
    let meta = Metadata::new();
    let success = |data| (data, Outcome::Success);
    let failure = |data| (data, Outcome::Failure);
    match event {
        FabricEvent::LeaseAcquired {
            resource_type,
            bytes,
            ..
        } => success(AuditEventData::LeaseAllocated(LeaseAllocated {
            bytes: *bytes,
            meta,
            resource: *resource_type,
            ttl_ms: None,
        })),
        FabricEvent::LeaseRenewed {
            resource_type,
            ttl_ms,
            ..
        } => success(AuditEventData::LeaseRenewed(LeaseRenewed {
            bytes: None,
            meta,
            resource: *resource_type,
            ttl_ms: Some(*ttl_ms),
        })),
        FabricEvent::LeaseReleased { resource_type, .. } => {
            success(AuditEventData::LeaseReleased(LeaseReleased {
                bytes: None,
                meta,
                resource: *resource_type,
            }))
        }
        FabricEvent::LeaseExpired { resource_type, .. } => {
            failure(AuditEventData::LeaseExpired(LeaseExpired {
                bytes: None,
                meta,
                resource: *resource_type,
            }))
        }
        FabricEvent::LeasePreempted {
            resource_type,
            by,
            reason,
            ..
        } => failure(AuditEventData::LeasePreempted(LeasePreempted {
            by_lease: by.map(|lease| lease.0),
            bytes: None,
            meta,
            reason: reason.into(),
            resource: *resource_type,
        })),
        FabricEvent::OperationFailed {
            op,
            error,
            bytes,
            elapsed_ns,
            ..
        } => failure(AuditEventData::OperationFailed(OperationFailed {
            bytes: Some(*bytes),
            detail: None,
            elapsed_ns: Some(*elapsed_ns),
            error: *error,
            meta,
            op: *op,
            resource: None,
        })),
        _ => extension_of(event),
    }
}

/// Events without a kind of their own in the closed set.
fn extension_of(event: &FabricEvent) -> (AuditEventData, Outcome) {
    let (kind, members, outcome) = match event {
        FabricEvent::Disconnected { reason, .. } => (
            "fabric.disconnected",
            vec![("reason", text(reason.as_str()))],
            Outcome::Failure,
        ),
        FabricEvent::Reconnected { .. } => ("fabric.reconnected", vec![], Outcome::Success),
        FabricEvent::Custom { kind, value, .. } => {
            let data = object([("value", text(&value.to_string()))]);
            return (
                AuditEventData::Extension(kind.clone(), data),
                Outcome::Success,
            );
        }
        // Kinds of a later core keep their name until this crate learns their data.
        other => (
            "fabric.event",
            vec![("name", text(other.kind_name()))],
            Outcome::Unknown,
        ),
    };
    #[expect(clippy::expect_used, reason = "the names above follow the grammar")]
    let kind = ExtensionKind::new(&Name::new(kind)).expect("a valid extension kind");
    (AuditEventData::Extension(kind, object(members)), outcome)
}

fn text(text: &str) -> Value {
    // The bound of a member of type text, which core's names share.
    let fits = text.len() <= crate::text::MAX_TEXT;
    Value::Text(if fits {
        text.into()
    } else {
        Text::Truncated(crate::Truncated::of(text.as_bytes()))
    })
}

fn object<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Object {
    let members = members.into_iter();
    Object::from_checked(
        members
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}
