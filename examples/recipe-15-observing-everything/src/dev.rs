//! The layers for development, and a function per event.

use std::time::Duration;

use async_trait::async_trait;
use counterfoil::anchor::{Anchor, AnchorStore, Error as AnchorError};
use counterfoil::audit::AuditRecord;
use counterfoil::events::EventRingBuffer;
use counterfoil::metrics::{FabricMetrics, Registry};
use counterfoil::signer::Signer;
use counterfoil::{
    ChainId, FabricEvent, Head, LeaseId, Name, OpType, ResourceType, Timestamp, WorkloadIdentity,
};
use tempfile::TempDir;

use crate::layers::CHAIN;
use crate::{Backends, Layers, Result, backends};

/// Metrics, event ring, anchor store and signer for development: each call begins a new chain, and nothing outlives what
/// is returned.
///
/// In production call [`backends`] with a directory that stays, and build the rest as this function does.
///
/// # Panics
/// When no temporary directory can be made, or a backend cannot use it.
#[must_use]
pub fn dev_observability() -> (FabricMetrics, EventRingBuffer, DevAnchor, Box<dyn Signer>) {
    #[expect(clippy::expect_used, reason = "documented: development only")]
    let (anchor, signer) = dev_backends().expect("a temporary directory for the backends");
    let metrics = FabricMetrics::new(&Registry::new());
    (metrics, EventRingBuffer::new(), anchor, signer)
}

fn dev_backends() -> Result<(DevAnchor, Box<dyn Signer>)> {
    let directory = tempfile::tempdir()?;
    let Backends { anchor, signer } = backends(directory.path(), &format!("{CHAIN}/record"))?;
    let anchor = DevAnchor {
        store: Box::new(anchor),
        _directory: directory,
    };
    Ok((anchor, Box::new(signer)))
}

/// An anchor store and the temporary directory that goes when it goes.
#[derive(Debug)]
pub struct DevAnchor {
    store: Box<dyn AnchorStore>,
    _directory: TempDir,
}

#[async_trait]
impl AnchorStore for DevAnchor {
    async fn load(&self, chain: &ChainId) -> Result<Option<Anchor>, AnchorError> {
        self.store.load(chain).await
    }

    async fn advance(
        &self,
        chain: &ChainId,
        expected: Option<&Head>,
        next: &Anchor,
    ) -> Result<Anchor, AnchorError> {
        self.store.advance(chain, expected, next).await
    }
}

/// Records that a lease of `bytes` was granted. `timestamp` is in seconds since 1970.
///
/// Ring and anchor are borrowed mutably because the caller numbers the records, and two callers would number them twice.
///
/// # Panics
/// When the record cannot be sealed. [`Layers::record`] says why instead, and is what a service calls.
#[expect(
    clippy::too_many_arguments,
    reason = "one function per event, with everything in sight, is what this recipe shows"
)]
#[must_use = "the record is the only copy of its line"]
pub fn record_lease_acquired(
    metrics: &FabricMetrics,
    events: &mut EventRingBuffer,
    anchor: &mut impl AnchorStore,
    signer: &dyn Signer,
    sequence: u64,
    timestamp: u64,
    identity: &WorkloadIdentity,
    resource_type: ResourceType,
    lease_id: u64,
    node: &str,
    bytes: u64,
) -> AuditRecord {
    let event = FabricEvent::LeaseAcquired {
        resource_type,
        lease_id: LeaseId(lease_id),
        node: Name::new(node),
        bytes,
    };
    let layers = Layers::new(metrics, events, anchor, signer);
    or_panic(layers.record(
        sequence,
        Timestamp::from_unix_seconds(timestamp),
        identity,
        &event,
    ))
}

/// Records that a lease ran out. `timestamp` is in seconds since 1970.
///
/// # Panics
/// As [`record_lease_acquired`].
#[expect(
    clippy::too_many_arguments,
    reason = "one function per event, with everything in sight, is what this recipe shows"
)]
#[must_use = "the record is the only copy of its line"]
pub fn record_lease_expired(
    metrics: &FabricMetrics,
    events: &mut EventRingBuffer,
    anchor: &mut impl AnchorStore,
    signer: &dyn Signer,
    sequence: u64,
    timestamp: u64,
    identity: &WorkloadIdentity,
    resource_type: ResourceType,
    lease_id: u64,
    node: &str,
) -> AuditRecord {
    let event = FabricEvent::LeaseExpired {
        resource_type,
        lease_id: LeaseId(lease_id),
        node: Name::new(node),
    };
    let layers = Layers::new(metrics, events, anchor, signer);
    or_panic(layers.record(
        sequence,
        Timestamp::from_unix_seconds(timestamp),
        identity,
        &event,
    ))
}

/// Records a read, write or submission that succeeded, in the metrics only: traffic by the byte would drown the ring and
/// the chain.
pub fn record_operation(metrics: &FabricMetrics, op: OpType, micros: u64, bytes: u64) {
    metrics.record_operation(op, Duration::from_micros(micros), bytes);
}

fn or_panic(record: Result<AuditRecord>) -> AuditRecord {
    #[expect(
        clippy::panic,
        reason = "documented: development stops at the first record that cannot be sealed"
    )]
    record.unwrap_or_else(|error| panic!("{error}"))
}
