//! A buffer whose clock stands still unless told, and events to push.

use std::sync::Arc;

use counterfoil_core::{
    Context, FabricEvent, LeaseId, Name, ResourceType, Ticks, Timestamp, WorkloadIdentity,
};
use counterfoil_events::EventRingBuffer;
use counterfoil_testkit::FakeClock;

/// The wall clock when the ticks are zero.
const START: u64 = 1_700_000_000_000_000_000;

/// Sets both readings.
pub(crate) fn set(clock: &FakeClock, ticks: u64) {
    clock.set_ticks(Ticks(ticks));
    clock.set_utc(at(ticks));
}

pub(crate) fn at(ticks: u64) -> Timestamp {
    Timestamp::from_unix_nanos(START + ticks)
}

pub(crate) fn buffer(ring_capacity: usize, rings: usize) -> (EventRingBuffer, Arc<FakeClock>) {
    let clock = Arc::new(FakeClock::at(Ticks(0), at(0)));
    let builder = EventRingBuffer::builder()
        .ring_capacity(ring_capacity)
        .rings(rings);
    (builder.clock(Arc::clone(&clock)).build().unwrap(), clock)
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
pub(crate) fn push_at(events: &EventRingBuffer, clock: &FakeClock, ticks: u64, lease: u64) {
    set(clock, ticks);
    events.push(&expired(lease), &acme());
}

/// The leases of the events, in their order.
pub(crate) fn leases<'a>(
    events: impl IntoIterator<Item = &'a counterfoil_core::Event>,
) -> Vec<u64> {
    events
        .into_iter()
        .filter_map(|event| event.event.lease_id())
        .map(|lease| lease.0)
        .collect()
}
