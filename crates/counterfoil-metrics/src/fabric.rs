//! The instruments of the lease fabric.

use std::time::Duration;

use counterfoil_core::{FabricError, FabricEvent, OpType, ResourceType, TraceContext, names};

use crate::{By, Counter, Histogram, Registry, ThreadBlock, UpDownCounter};

/// What is counted of leases and operations. Cheap to share in an `Arc`, costly to clone.
///
/// The fields are there to be read (`metrics.leases_total.get()`); what writes them is [`record`](Self::record) and
/// [`record_operation`](Self::record_operation). An application defines a struct of its own in the same way, with its own
/// table: see the crate's documentation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FabricMetrics {
    /// Leases held now: acquired, less those released, expired and preempted.
    pub leases_active: By<ResourceType, UpDownCounter>,
    /// Leases granted.
    pub leases_total: By<ResourceType, Counter>,
    /// Leases renewed in time.
    pub leases_renewed: By<ResourceType, Counter>,
    /// Leases given back.
    pub leases_released: By<ResourceType, Counter>,
    /// Leases that ran out.
    pub leases_expired: By<ResourceType, Counter>,
    /// Leases taken from their holder.
    pub leases_preempted: By<ResourceType, Counter>,
    /// How long operations took, failed ones included.
    pub operation_duration: By<OpType, Histogram>,
    /// Bytes moved by operations that succeeded.
    pub operation_bytes: By<OpType, Counter>,
    /// Operations that failed.
    pub operation_errors: By<(OpType, FabricError), Counter>,
    /// Connections lost.
    pub connections_lost: Counter,
    /// Connections that came back.
    pub connections_restored: Counter,
    /// Events of other domains.
    pub custom_events: Counter,
    registry: Registry,
}

impl FabricMetrics {
    /// Registers the instruments. Done twice on one registry, both count into the same series.
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        Self {
            leases_active: registry.by(&names::LEASE_ACTIVE),
            leases_total: registry.by(&names::LEASE_ACQUIRED),
            leases_renewed: registry.by(&names::LEASE_RENEWED),
            leases_released: registry.by(&names::LEASE_RELEASED),
            leases_expired: registry.by(&names::LEASE_EXPIRED),
            leases_preempted: registry.by(&names::LEASE_PREEMPTED),
            operation_duration: registry.by(&names::OPERATION_DURATION),
            operation_bytes: registry.by(&names::OPERATION_IO),
            operation_errors: registry.by(&names::OPERATION_FAILED),
            connections_lost: registry.instrument(&names::CONNECTION_LOST),
            connections_restored: registry.instrument(&names::CONNECTION_RESTORED),
            custom_events: registry.instrument(&names::CUSTOM_RECORDED),
            registry: registry.clone(),
        }
    }

    /// The registry that the instruments are in.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Counts an event in the calling thread's cells, which are looked up.
    pub fn record(&self, event: &FabricEvent) {
        self.record_in(&self.registry.thread_block(), event);
    }

    /// Counts an event, the look-up having been done: `block` is the calling thread's, by [`Registry::thread_block`].
    #[inline]
    pub fn record_in(&self, block: &ThreadBlock, event: &FabricEvent) {
        self.record_with_in(block, event, None);
    }

    /// Counts an event, the look-up having been done, and offers what it measures as an exemplar of its trace.
    #[inline]
    pub fn record_with_in(
        &self,
        block: &ThreadBlock,
        event: &FabricEvent,
        trace: Option<&TraceContext>,
    ) {
        match event {
            FabricEvent::LeaseAcquired { resource_type, .. } => {
                self.leases_total.at(*resource_type).add_in(block, 1);
                self.leases_active.at(*resource_type).add_in(block, 1);
            }
            FabricEvent::LeaseRenewed { resource_type, .. } => {
                self.leases_renewed.at(*resource_type).add_in(block, 1);
            }
            FabricEvent::LeaseReleased { resource_type, .. } => {
                self.end(block, &self.leases_released, *resource_type);
            }
            FabricEvent::LeaseExpired { resource_type, .. } => {
                self.end(block, &self.leases_expired, *resource_type);
            }
            FabricEvent::LeasePreempted { resource_type, .. } => {
                self.end(block, &self.leases_preempted, *resource_type);
            }
            FabricEvent::OperationFailed {
                op,
                error,
                elapsed_ns,
                ..
            } => {
                self.operation_errors.at((*op, *error)).add_in(block, 1);
                let elapsed = Duration::from_nanos(*elapsed_ns);
                self.operation_duration
                    .at(*op)
                    .record_duration_with_in(block, elapsed, trace);
            }
            FabricEvent::Disconnected { .. } => self.connections_lost.add_in(block, 1),
            FabricEvent::Reconnected { .. } => self.connections_restored.add_in(block, 1),
            // `Custom`, and whatever is added to the events before it is added here.
            _ => self.custom_events.add_in(block, 1),
        }
    }

    /// Counts an operation that succeeded, with what it took and how many bytes it moved, in the calling thread's cells,
    /// which are looked up.
    pub fn record_operation(&self, op: OpType, elapsed: Duration, bytes: u64) {
        self.record_operation_in(&self.registry.thread_block(), op, elapsed, bytes);
    }

    /// Counts an operation that succeeded, the look-up having been done.
    #[inline]
    pub fn record_operation_in(
        &self,
        block: &ThreadBlock,
        op: OpType,
        elapsed: Duration,
        bytes: u64,
    ) {
        self.operation_duration
            .at(op)
            .record_duration_in(block, elapsed);
        self.operation_bytes.at(op).add_in(block, bytes);
    }

    /// Counts an operation that succeeded, the look-up having been done, and offers what it took as an exemplar of its
    /// trace.
    #[inline]
    pub fn record_operation_with_in(
        &self,
        block: &ThreadBlock,
        op: OpType,
        elapsed: Duration,
        bytes: u64,
        trace: Option<&TraceContext>,
    ) {
        self.operation_duration
            .at(op)
            .record_duration_with_in(block, elapsed, trace);
        self.operation_bytes.at(op).add_in(block, bytes);
    }

    #[inline]
    fn end(
        &self,
        block: &ThreadBlock,
        how: &By<ResourceType, Counter>,
        resource_type: ResourceType,
    ) {
        how.at(resource_type).add_in(block, 1);
        self.leases_active.at(resource_type).add_in(block, -1);
    }
}
