//! What happens on the fabric, as a closed set.

use crate::{Context, ExtensionKind, FabricError, LeaseId, Name, OpType, ResourceType, Timestamp};

/// One thing that happened, without who and when: see [`Event`] for those.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FabricEvent {
    /// A lease was granted.
    LeaseAcquired {
        /// What is leased.
        resource_type: ResourceType,
        /// The lease.
        lease_id: LeaseId,
        /// Where the resource is.
        node: Name,
        /// How much of it, in bytes (0 where bytes say nothing).
        bytes: u64,
    },
    /// A lease was renewed in time.
    LeaseRenewed {
        /// What is leased.
        resource_type: ResourceType,
        /// The lease.
        lease_id: LeaseId,
        /// Where the resource is.
        node: Name,
        /// For how long from now on, in milliseconds.
        ttl_ms: u64,
    },
    /// A lease was given back by its holder.
    LeaseReleased {
        /// What was leased.
        resource_type: ResourceType,
        /// The lease.
        lease_id: LeaseId,
        /// Where the resource is.
        node: Name,
    },
    /// A lease ran out without a renewal.
    LeaseExpired {
        /// What was leased.
        resource_type: ResourceType,
        /// The lease.
        lease_id: LeaseId,
        /// Where the resource is.
        node: Name,
    },
    /// A lease was taken from its holder before its time.
    LeasePreempted {
        /// What was leased.
        resource_type: ResourceType,
        /// The lease that ended.
        lease_id: LeaseId,
        /// Where the resource is.
        node: Name,
        /// The lease that took its place, where one did.
        by: Option<LeaseId>,
        /// Why, in a word or two that recur.
        reason: Name,
    },
    /// A read, write or submission failed.
    OperationFailed {
        /// What was tried.
        op: OpType,
        /// Why it failed.
        error: FabricError,
        /// Under which lease, where one is known.
        lease_id: Option<LeaseId>,
        /// On which node, where one is known.
        node: Option<Name>,
        /// How many bytes it was about.
        bytes: u64,
        /// How long it took to fail, in nanoseconds.
        elapsed_ns: u64,
    },
    /// The connection to a node was lost.
    Disconnected {
        /// The node.
        node: Name,
        /// Why, in a word or two that recur.
        reason: Name,
    },
    /// A node can be reached again.
    Reconnected {
        /// The node.
        node: Name,
    },
    /// Something of another domain, under a registered kind such as `vault.object_put`.
    Custom {
        /// The kind.
        kind: ExtensionKind,
        /// The lease that it is about, where it is about one.
        lease_id: Option<LeaseId>,
        /// The node, where there is one.
        node: Option<Name>,
        /// A figure whose meaning the kind defines.
        value: u64,
    },
}

impl FabricEvent {
    /// The event's name, lower-case and stable; for [`Custom`](Self::Custom) the registered one.
    #[must_use]
    pub fn kind_name(&self) -> &str {
        match self {
            Self::LeaseAcquired { .. } => "lease_acquired",
            Self::LeaseRenewed { .. } => "lease_renewed",
            Self::LeaseReleased { .. } => "lease_released",
            Self::LeaseExpired { .. } => "lease_expired",
            Self::LeasePreempted { .. } => "lease_preempted",
            Self::OperationFailed { .. } => "operation_failed",
            Self::Disconnected { .. } => "disconnected",
            Self::Reconnected { .. } => "reconnected",
            Self::Custom { kind, .. } => kind.as_str(),
        }
    }

    /// The lease that the event is about.
    #[must_use]
    pub const fn lease_id(&self) -> Option<LeaseId> {
        match self {
            Self::LeaseAcquired { lease_id, .. }
            | Self::LeaseRenewed { lease_id, .. }
            | Self::LeaseReleased { lease_id, .. }
            | Self::LeaseExpired { lease_id, .. }
            | Self::LeasePreempted { lease_id, .. } => Some(*lease_id),
            Self::OperationFailed { lease_id, .. } | Self::Custom { lease_id, .. } => *lease_id,
            Self::Disconnected { .. } | Self::Reconnected { .. } => None,
        }
    }

    /// The node that the event is about.
    #[must_use]
    pub const fn node(&self) -> Option<&Name> {
        match self {
            Self::LeaseAcquired { node, .. }
            | Self::LeaseRenewed { node, .. }
            | Self::LeaseReleased { node, .. }
            | Self::LeaseExpired { node, .. }
            | Self::LeasePreempted { node, .. }
            | Self::Disconnected { node, .. }
            | Self::Reconnected { node } => Some(node),
            Self::OperationFailed { node, .. } | Self::Custom { node, .. } => node.as_ref(),
        }
    }
}

/// A [`FabricEvent`] with its time and its keys, as a snapshot of the event ring shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When the call was made.
    pub time: Timestamp,
    /// On whose behalf, in which trace and request.
    pub context: Context,
    /// What happened.
    pub event: FabricEvent,
}
