//! What becomes of a request.

use counterfoil_testkit::otlp::Received;

use crate::desk::{Desk, KEY, TRACE};

const WISH: &str = r#"{"node": "node-a", "bytes": 4096, "note": "password=hunter2"}"#;

#[test]
fn a_traceparent_is_found_in_log_ring_span_and_audit_record() {
    let desk = Desk::open();
    assert_eq!(desk.ask(KEY, WISH).0, 201);
    let remains = desk.terminate();

    let line = remains
        .log
        .lines()
        .find(|line| line.contains("lease granted"))
        .unwrap();
    assert!(
        line.contains(&format!("\"trace_id\":\"{TRACE}\"")),
        "{line}"
    );
    assert!(line.contains("\"request_id\":\"order-7\""), "{line}");

    let record = remains
        .audit
        .lines()
        .find(|line| line.contains("lease_allocated"))
        .unwrap();
    assert!(
        record.contains(&format!("\"trace\":\"{TRACE}\"")),
        "{record}"
    );
    assert!(record.contains("\"request\":\"order-7\""), "{record}");

    let trace = TRACE.to_owned();
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let span = remains
        .received
        .spans()
        .find(|span| span.name == "POST /leases")
        .unwrap();
    assert_eq!(hex(&span.trace_id), trace);
    assert_eq!(hex(&span.parent_span_id), "b7ad6b7169203331");

    // Events of the ring go out as log records with a name.
    let event = remains
        .received
        .log_records()
        .find(|record| record.event_name.contains("lease_acquired"))
        .unwrap();
    assert_eq!(hex(&event.trace_id), trace);
    assert_eq!(hex(&event.span_id), hex(&span.span_id));
}

#[test]
fn sigterm_flushes_seals_and_says_that_nothing_was_lost() {
    let desk = Desk::open();
    assert!(desk.becomes_ready());
    assert_eq!(desk.ask(KEY, WISH).0, 201);
    assert!(
        desk.page("/metrics")
            .contains("counterfoil_lease_acquired_total{resource_type=\"mem\"} 1")
    );
    let remains = desk.terminate();
    assert!(
        remains.status.success(),
        "{:?}\n{}",
        remains.status,
        remains.log
    );
    assert!(remains.log.contains("nothing was lost"), "{}", remains.log);
    assert!(remains.audit.contains("log_closed"), "{}", remains.audit);
    assert!(remains.received.metrics().count() > 0);
}

#[test]
fn nobody_without_a_key_gets_a_lease_and_no_secret_comes_out() {
    let desk = Desk::open();
    let (status, answer) = desk.ask("hunter3", WISH);
    assert_eq!(status, 401);
    assert!(answer.contains("desk.unknown_key"), "{answer}");
    assert_eq!(desk.ask(KEY, WISH).0, 201);
    let pages = ["/metrics", "/health", "/status"]
        .map(|path| desk.page(path))
        .join("\n");
    let remains = desk.terminate();
    let everywhere = [pages, remains.log, remains.audit, said(&remains.received)].join("\n");
    for secret in ["hunter2", "hunter3", "hunter4", KEY] {
        assert!(!everywhere.contains(secret), "{secret} came out");
    }
    assert!(everywhere.contains("[REDACTED]"));
}

/// All that the collector was sent.
fn said(received: &Received) -> String {
    format!(
        "{:?}{:?}{:?}",
        received.traces, received.logs, received.metrics
    )
}
