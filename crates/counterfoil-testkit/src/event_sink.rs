//! What every `EventSink` must do.
#![expect(
    clippy::panic,
    reason = "a conformance suite reports by panicking, as a test does"
)]

use counterfoil_core::{
    AccountingTag, Context, Event, ExtensionKind, FabricError, FabricEvent, LeaseId, Name, OpType,
    Pseudonym, ResourceType, Timestamp, WorkloadIdentity,
};
use counterfoil_events::EventSink;

/// Runs the suite. `make` gives a fresh sink, and a function that counts the events that have arrived behind it.
///
/// # Panics
/// Says which clause of the contract was broken.
pub fn conformance<S: EventSink, A: Fn() -> usize>(make: impl Fn() -> (S, A)) {
    every_event_arrives_once(&make);
    flush_may_be_called_at_any_time(&make);
    calls_may_come_from_several_threads_in_turn(&make);
    let (sink, _) = make();
    assert!(!format!("{sink:?}").is_empty(), "Debug prints nothing");
}

/// One event of each kind, with a full context, a minimal one, and names that try to break a format.
#[must_use]
pub fn events() -> Vec<Event> {
    let contexts = [
        Context::new(WorkloadIdentity::tenant_only("acme")),
        full_context(),
        Context::new(WorkloadIdentity::tenant_only(HOSTILE)).with_from(HOSTILE),
    ];
    let nodes = ["node-a", "", HOSTILE];
    let mut events = Vec::new();
    for (context, node) in contexts.iter().zip(nodes) {
        for event in kinds(&Name::new(node)) {
            events.push(Event {
                time: Timestamp::from_unix_nanos(events.len() as u64),
                context: context.clone(),
                event,
            });
        }
    }
    events
}

const HOSTILE: &str = "\"\\\n\r\u{0}\u{1b}[2J\u{202e}\u{2028}}]é漢";

fn full_context() -> Context {
    let identity = WorkloadIdentity::tenant_only("acme")
        .with_workload("web")
        .with_principal(&Pseudonym::assume("p-1"));
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse();
    let context = Context::new(identity)
        .with_tag(AccountingTag::new("team/batch"))
        .with_from("10.0.0.1");
    match (trace, "req-42".parse()) {
        (Ok(trace), Ok(request)) => context.with_trace(trace).with_request(request),
        refused => unreachable!("core refused well-formed ids: {refused:?}"),
    }
}

fn kinds(node: &Name) -> Vec<FabricEvent> {
    let (resource_type, lease_id) = (ResourceType::Mem, LeaseId(u64::MAX));
    let (node, reason) = (node.clone(), node.clone());
    vec![
        FabricEvent::LeaseAcquired {
            resource_type,
            lease_id,
            node: node.clone(),
            bytes: u64::MAX,
        },
        FabricEvent::LeaseRenewed {
            resource_type,
            lease_id,
            node: node.clone(),
            ttl_ms: 0,
        },
        FabricEvent::LeaseReleased {
            resource_type,
            lease_id,
            node: node.clone(),
        },
        FabricEvent::LeaseExpired {
            resource_type,
            lease_id,
            node: node.clone(),
        },
        FabricEvent::LeasePreempted {
            resource_type,
            lease_id,
            node: node.clone(),
            by: Some(LeaseId(0)),
            reason: reason.clone(),
        },
        FabricEvent::OperationFailed {
            op: OpType::Read,
            error: FabricError::Timeout,
            lease_id: None,
            node: None,
            bytes: 1,
            elapsed_ns: 2,
        },
        FabricEvent::Disconnected {
            node: node.clone(),
            reason,
        },
        FabricEvent::Reconnected { node },
        FabricEvent::Custom {
            kind: custom_kind(),
            lease_id: None,
            node: None,
            value: 3,
        },
    ]
}

#[expect(clippy::expect_used, reason = "the text follows the grammar")]
fn custom_kind() -> ExtensionKind {
    "vault.object_put".parse().expect("an extension kind")
}

fn every_event_arrives_once<S: EventSink, A: Fn() -> usize>(make: &impl Fn() -> (S, A)) {
    let (sink, arrived) = make();
    let events = events();
    for event in &events {
        accept(&sink, event);
    }
    flush(&sink);
    assert_eq!(
        arrived(),
        events.len(),
        "every accepted event arrives once, after flush at the latest"
    );
}

fn flush_may_be_called_at_any_time<S: EventSink, A: Fn() -> usize>(make: &impl Fn() -> (S, A)) {
    let (sink, arrived) = make();
    flush(&sink);
    assert_eq!(arrived(), 0, "flushing a fresh sink delivers nothing");
    for (done, event) in events().iter().enumerate() {
        accept(&sink, event);
        flush(&sink);
        flush(&sink);
        assert_eq!(
            arrived(),
            done + 1,
            "a flush delivers what was accepted, and a second one nothing more"
        );
    }
}

fn calls_may_come_from_several_threads_in_turn<S: EventSink, A: Fn() -> usize>(
    make: &impl Fn() -> (S, A),
) {
    let (sink, arrived) = make();
    let events = events();
    for event in &events {
        std::thread::scope(|scope| scope.spawn(|| accept(&sink, event)).join().is_ok());
    }
    flush(&sink);
    assert_eq!(
        arrived(),
        events.len(),
        "events arrive whichever thread hands them over"
    );
}

fn accept(sink: &impl EventSink, event: &Event) {
    if let Err(error) = sink.accept(event) {
        panic!("a well-formed event was refused: {error} ({event:?})");
    }
}

fn flush(sink: &impl EventSink) {
    if let Err(error) = sink.flush() {
        panic!("flush failed: {error}");
    }
}
