//! Records of domains other than leases.

use counterfoil_audit::{AuditEventData, AuditInput, Object, Outcome};
use counterfoil_core::{Context, ExtensionKind, FabricEvent, LeaseId, Name};

/// A record of a kind of one's own, such as `vault.object_put`, with data of one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it is recorded by `Observer::record`"]
pub struct DomainRecord<'a> {
    kind: &'a ExtensionKind,
    data: Object,
    outcome: Outcome,
    lease: Option<LeaseId>,
    node: Option<&'a Name>,
    value: u64,
}

impl<'a> DomainRecord<'a> {
    /// A record that reports success.
    pub const fn new(kind: &'a ExtensionKind, data: Object) -> Self {
        Self {
            kind,
            data,
            outcome: Outcome::Success,
            lease: None,
            node: None,
            value: 0,
        }
    }

    /// How it ended.
    pub const fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// The lease that it is about.
    pub const fn lease(mut self, lease: LeaseId) -> Self {
        self.lease = Some(lease);
        self
    }

    /// The node that it is about.
    pub const fn node(mut self, node: &'a Name) -> Self {
        self.node = Some(node);
        self
    }

    /// A figure for the event ring, which holds no data; the kind defines its meaning. The chain seals the data alone.
    pub const fn value(mut self, value: u64) -> Self {
        self.value = value;
        self
    }

    pub(crate) fn event(&self) -> FabricEvent {
        FabricEvent::Custom {
            kind: self.kind.clone(),
            lease_id: self.lease,
            node: self.node.cloned(),
            value: self.value,
        }
    }

    pub(crate) fn into_input(self, event: &FabricEvent, ctx: &Context) -> AuditInput {
        AuditInput {
            data: AuditEventData::Extension(self.kind.clone(), self.data),
            outcome: self.outcome,
            ..AuditInput::unassigned_event(event, ctx)
        }
    }
}
