//! What comes of asking witnesses, as events in the ring.

use std::sync::{Mutex, PoisonError};

use counterfoil_anchor_witness::WitnessEvent;
use counterfoil_core::{Context, ExtensionKind, FabricEvent, Head, Name, WorkloadIdentity};
use counterfoil_events::EventRingBuffer;

/// The kinds of event, in a namespace of their own.
const MISSED: &str = "witness.quorum_missed";
const REGAINED: &str = "witness.quorum_regained";
const SPLIT_VIEW: &str = "witness.split_view";

/// Makes a listener for [`on_event`](counterfoil_anchor_witness::Builder::on_event) that puts events into the ring:
/// `witness.quorum_missed` when the quorum is lost, `witness.quorum_regained` when it is met again, and `witness.split_view` each
/// time, all with the number of the record at the head as their value.
///
/// A quorum that stays away gives one event, not one per attempt; the attempts are counted in the metrics.
pub fn witness_events(ring: EventRingBuffer) -> impl Fn(&WitnessEvent) + Send + Sync + 'static {
    let missing = Mutex::new(false);
    let context = Context::new(WorkloadIdentity::tenant_only("counterfoil"));
    move |event| {
        let now_missing = matches!(event, WitnessEvent::QuorumMissed { .. });
        let (kind, head) = match event {
            WitnessEvent::QuorumMissed { head, .. } => (MISSED, head),
            WitnessEvent::QuorumMet { head, .. } => (REGAINED, head),
            WitnessEvent::SplitView { head, .. } => return push(&ring, &context, SPLIT_VIEW, head),
            _ => return,
        };
        let mut missing = missing.lock().unwrap_or_else(PoisonError::into_inner);
        if *missing != now_missing {
            *missing = now_missing;
            push(&ring, &context, kind, head);
        }
    }
}

fn push(ring: &EventRingBuffer, context: &Context, kind: &str, head: &Head) {
    // The names above are kinds.
    let Ok(kind) = ExtensionKind::new(&Name::new(kind)) else {
        return;
    };
    let event = FabricEvent::Custom {
        kind,
        lease_id: None,
        node: None,
        value: head.seq,
    };
    ring.push(&event, context);
}
