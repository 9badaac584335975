//! Warnings, errors and marked events in the ring.

use counterfoil::{Current, Event, FabricEvent, LeaseId, Observer};
use tracing::{debug, error, info, info_span, warn};

use super::support::{builder, run};
use crate::support::context;

/// The events that `f` leaves in the ring, and how many marks were no kinds.
fn in_ring(f: impl FnOnce()) -> (Vec<Event>, u64) {
    let observer = Observer::builder().build().unwrap();
    let (pipeline, ()) = run(builder().0.ring(&observer), f);
    (
        observer.events().snapshot().into_events(),
        pipeline.counts().misnamed,
    )
}

#[test]
fn warnings_and_errors_are_events_that_name_their_place_in_the_code() {
    let line = line!() + 2;
    let (events, _) = in_ring(|| {
        warn!("hot");
        error!(target: "deriva_server::cache", "gone");
        info!("all is well");
    });
    let kinds: Vec<_> = events.iter().map(|event| event.event.kind_name()).collect();
    assert_eq!(kinds, ["warn.it_tracing_ring", "error.deriva_server_cache"]);
    assert!(
        matches!(events[0].event, FabricEvent::Custom { value, .. } if value == u64::from(line)),
        "{events:?}"
    );
}

#[test]
fn a_marked_event_has_the_kind_that_it_names_and_its_keys() {
    let (events, misnamed) = in_ring(|| {
        debug!(
            counterfoil.event = "vault.object_put",
            counterfoil.value = 4096,
            counterfoil.lease_id = 7,
            counterfoil.node = "node-a",
            "stored"
        );
    });
    assert_eq!(misnamed, 0);
    let FabricEvent::Custom {
        kind,
        lease_id,
        node,
        value,
    } = &events[0].event
    else {
        panic!("{events:?}");
    };
    assert_eq!(
        (kind.as_str(), *lease_id, *value),
        ("vault.object_put", Some(LeaseId(7)), 4096)
    );
    assert_eq!(node.as_ref().unwrap().as_str(), "node-a");
}

#[test]
fn an_event_of_the_ring_has_the_trace_and_request_of_its_span_and_the_identity_of_its_task() {
    let (events, _) = in_ring(|| {
        let _entered = Current::enter(context());
        warn!("in the context");
        info_span!(
            "request",
            trace_id = "0af7651916cd43dd8448eb211c80319c",
            span_id = "00f067aa0ba902b7",
            request_id = "req-9"
        )
        .in_scope(|| warn!("in a span"));
    });
    assert_eq!(events[0].context, context());
    let of_span = &events[1].context;
    assert_eq!(of_span.tenant(), "acme");
    assert_eq!(
        of_span.trace().unwrap().span_id.to_string(),
        "00f067aa0ba902b7"
    );
    assert_eq!(of_span.request().unwrap().as_str(), "req-9");
}

#[test]
fn a_mark_that_is_no_kind_is_counted_and_the_event_is_there_all_the_same() {
    let (events, misnamed) = in_ring(|| {
        info!(counterfoil.event = "No Kind\u{1b}[2J", "marked");
    });
    assert_eq!(misnamed, 1);
    assert_eq!(events[0].event.kind_name(), "event.it_tracing_ring");
}
