//! A clock that stands still unless told, and events to push.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use counterfoil_core::{
    Clock, Context, FabricEvent, LeaseId, Name, ResourceType, Ticks, Timestamp, WorkloadIdentity,
};
use counterfoil_events::EventRingBuffer;

#[derive(Clone, Debug, Default)]
pub(crate) struct StillClock(Arc<AtomicU64>);

/// The wall clock when the still clock shows zero.
pub(crate) const START: u64 = 1_700_000_000_000_000_000;

impl StillClock {
    pub(crate) fn set(&self, ticks: u64) {
        self.0.store(ticks, Ordering::Relaxed);
    }
}

impl Clock for StillClock {
    fn ticks(&self) -> Ticks {
        Ticks(self.0.load(Ordering::Relaxed))
    }

    fn utc(&self) -> Timestamp {
        at(self.ticks().0)
    }
}

pub(crate) fn at(ticks: u64) -> Timestamp {
    Timestamp::from_unix_nanos(START + ticks)
}

pub(crate) fn buffer(ring_capacity: usize, rings: usize) -> (EventRingBuffer, StillClock) {
    let clock = StillClock::default();
    let builder = EventRingBuffer::builder()
        .ring_capacity(ring_capacity)
        .rings(rings);
    (builder.clock(clock.clone()).build().unwrap(), clock)
}

pub(crate) fn acme() -> Context {
    Context::new(WorkloadIdentity::tenant_only("acme"))
}

pub(crate) fn expired(lease: u64) -> FabricEvent {
    FabricEvent::LeaseExpired {
        resource_type: ResourceType::Mem,
        lease_id: LeaseId(lease),
        node: Name::new("node-a"),
    }
}

/// Pushes one event with this lease at this time.
pub(crate) fn push_at(events: &EventRingBuffer, clock: &StillClock, ticks: u64, lease: u64) {
    clock.set(ticks);
    events.push(&expired(lease), &acme());
}

/// The leases of the events, in their order.
pub(crate) fn leases<'a>(events: impl IntoIterator<Item = &'a counterfoil_core::Event>) -> Vec<u64> {
    events
        .into_iter()
        .filter_map(|event| event.event.lease_id())
        .map(|lease| lease.0)
        .collect()
}
