//! What a receiver sees of spans, log records, events and sealed lines.

use std::collections::BTreeSet;

use counterfoil_core::{Digest, SealedLine, json};
use counterfoil_exporter::{Batch, Exporter};
use counterfoil_exporter_otlp::{OtlpExporter, Resource, Target};
use counterfoil_testkit::otlp::{HttpReceiver, Received};
use counterfoil_testkit::{event_sink, exporter::batches};
use opentelemetry_proto::tonic::common::v1::any_value::Value;

use crate::support::exporter;

fn sent(batch: Batch) -> Received {
    let receiver = HttpReceiver::start([]);
    let to = |path: &str| Target::http(&format!("{}/{path}", receiver.endpoint())).unwrap();
    exporter(to).export(batch).unwrap();
    receiver.received()
}

fn of_the_suite(wanted: fn(&Batch) -> bool) -> Received {
    sent(batches().into_iter().find(wanted).unwrap())
}

#[test]
fn a_span_arrives_whole() {
    let received = of_the_suite(|it| matches!(it, Batch::Spans(_)));
    let span = received.spans().find(|it| it.kind == 2).unwrap();
    assert_eq!(
        (&*span.trace_id, &*span.span_id),
        (&[2_u8; 16][..], &[2_u8; 8][..])
    );
    assert_eq!(span.parent_span_id, [9; 8]);
    assert_eq!(span.flags, 0x301, "sampled, and the parent is remote");
    assert_eq!(span.trace_state, "vendor=opaque");
    assert_eq!(span.end_time_unix_nano - span.start_time_unix_nano, 2);
    assert!(
        span.name.contains("\u{1b}[2J"),
        "text is passed on as it is; sinks escape it"
    );
    let status = span.status.as_ref().unwrap();
    assert_eq!((status.code, status.message.is_empty()), (2, false));
    assert_eq!(
        Received::text(&span.attributes, "request_id"),
        Some("conformance-1")
    );
    assert_eq!((span.events.len(), span.links.len()), (1, 1));
    assert_eq!(span.links[0].trace_id, [8; 16]);
    assert_eq!(
        (span.dropped_attributes_count, span.dropped_events_count),
        (1, 1)
    );
    let root = received.spans().find(|it| it.kind == 1).unwrap();
    assert!(root.parent_span_id.is_empty() && root.status.is_none());
    let kinds: Vec<_> = received.spans().map(|it| it.kind).collect();
    assert_eq!(BTreeSet::from_iter(kinds), BTreeSet::from([1, 2, 3, 4, 5]));
}

#[test]
fn the_resource_and_the_scopes_come_with_every_request() {
    let received = of_the_suite(|it| matches!(it, Batch::Spans(_)));
    let resource = received.traces[0].resource_spans[0]
        .resource
        .as_ref()
        .unwrap();
    assert_eq!(
        Received::text(&resource.attributes, "service.name"),
        Some("test")
    );
    assert_eq!(
        Received::text(&resource.attributes, "telemetry.sdk.language"),
        Some("rust")
    );
    let scopes = &received.traces[0].resource_spans[0].scope_spans;
    let names: Vec<_> = scopes
        .iter()
        .map(|it| it.scope.as_ref().unwrap().name.as_str())
        .collect();
    assert_eq!(names, ["conformance", "conformance::server"]);
}

#[test]
fn a_log_record_arrives_whole() {
    let received = of_the_suite(|it| matches!(it, Batch::Logs(_)));
    let severities: Vec<_> = received
        .log_records()
        .map(|it| (it.severity_number, it.severity_text.as_str()))
        .collect();
    assert!(severities.contains(&(9, "INFO")) && severities.contains(&(21, "FATAL")));
    let error = received
        .log_records()
        .find(|it| it.severity_number == 17)
        .unwrap();
    assert_eq!(error.event_name, "conformance.failed");
    assert_eq!((&*error.trace_id, error.flags), (&[1_u8; 16][..], 1));
    assert_eq!(
        Received::text(&error.attributes, "request_id"),
        Some("conformance-1")
    );
    assert_eq!(error.dropped_attributes_count, 1);
}

#[test]
fn an_event_has_the_keys_that_it_has_as_a_line_of_json() {
    let events = event_sink::events();
    let received = sent(events.clone().into());
    let records: Vec<_> = received.log_records().collect();
    assert_eq!(records.len(), events.len());
    for (event, record) in events.iter().zip(records) {
        let mut line = String::new();
        json::push_event(&mut line, event, None);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let apart = ["time", "event", "trace_id", "span_id"];
        let keys = line.as_object().unwrap().keys().map(String::as_str);
        let expected: BTreeSet<_> = keys.filter(|key| !apart.contains(key)).collect();
        let actual: BTreeSet<_> = record.attributes.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(actual, expected, "{}", record.event_name);
        assert_eq!(record.event_name, event.event.kind_name());
        assert_eq!(record.time_unix_nano, event.time.unix_nanos());
        let trace = event
            .context
            .trace()
            .map(|it| it.trace_id.as_bytes().to_vec());
        assert_eq!(record.trace_id, trace.unwrap_or_default());
    }
}

#[test]
fn a_sealed_line_is_the_body_byte_for_byte() {
    let line = concat!(
        r#"{"body":{"chain":{"id":"audit.example.com/1","prev":"00","seq":7,"time":"2026-11-20T00:00:02.000000014Z"},"#,
        r#""event":{"data":{"text":"é \n"},"kind":"lease_expired","outcome":"success"},"#,
        r#""keys":{"request":"r-1","span":"b7ad6b7169203331","trace":"0af7651916cd43dd8448eb211c80319c"},"v":1},"hash":"h"}"#,
        "\n"
    );
    let sealed = |bytes: &[u8]| SealedLine {
        seq: 7,
        hash: Digest::ZERO,
        bytes: bytes.to_vec(),
    };
    let received = sent(vec![sealed(line.as_bytes()), sealed(b"\xff\n")].into());
    let records: Vec<_> = received.log_records().collect();
    let body = |at: usize| records[at].body.clone().unwrap().value.unwrap();
    assert_eq!(body(0), Value::StringValue(line.to_owned()));
    assert_eq!(body(1), Value::BytesValue(b"\xff\n".to_vec()));
    let text = |key| Received::text(&records[0].attributes, key);
    assert_eq!(text("counterfoil.audit.kind"), Some("lease_expired"));
    assert_eq!(text("counterfoil.audit.chain"), Some("audit.example.com/1"));
    assert_eq!(
        text("counterfoil.audit.hash"),
        Some(&*Digest::ZERO.to_string())
    );
    assert_eq!(text("request_id"), Some("r-1"));
    assert_eq!(records[0].time_unix_nano, time());
    assert_eq!(records[0].trace_id[..2], [0x0a, 0xf7]);
    assert_eq!(records[0].event_name, "lease_expired");
    assert_eq!(
        records[1].attributes.len(),
        2,
        "what is no record has its number and hash"
    );
}

fn time() -> u64 {
    let time: counterfoil_core::Timestamp = "2026-11-20T00:00:02.000000014Z".parse().unwrap();
    time.unix_nanos()
}

#[test]
fn of_two_attributes_with_one_key_the_last_one_counts() {
    let resource = Resource::new("first").with("service.name", "second");
    let receiver = HttpReceiver::start([]);
    let target = Target::http(&format!("{}/v1/logs", receiver.endpoint())).unwrap();
    let exporter = OtlpExporter::builder(resource)
        .logs(target)
        .build()
        .unwrap();
    let Some(Batch::Logs(logs)) = batches()
        .into_iter()
        .find(|it| matches!(it, Batch::Logs(_)))
    else {
        panic!("the suite has log records")
    };
    let mut log = logs[0].clone();
    log.attributes = ["a", "b"]
        .map(|value| counterfoil_core::Attribute::new("key", value))
        .into();
    exporter.export(vec![log].into()).unwrap();
    let received = receiver.received();
    let resource = received.logs[0].resource_logs[0].resource.as_ref().unwrap();
    assert_eq!(
        Received::text(&resource.attributes, "service.name"),
        Some("second")
    );
    let log = received.log_records().next().unwrap();
    assert_eq!(
        (log.attributes.len(), Received::text(&log.attributes, "key")),
        (1, Some("b"))
    );
}

#[test]
fn the_bodies_of_a_log_are_the_log() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/specs/vectors/lines.jsonl"
    );
    let log = std::fs::read(path).unwrap();
    let lines = log.split_inclusive(|byte| *byte == b'\n').zip(1..);
    let sealed = lines.map(|(bytes, seq)| SealedLine {
        seq,
        hash: Digest::ZERO,
        bytes: bytes.to_vec(),
    });
    let received = sent(sealed.collect::<Vec<_>>().into());
    let mut bodies = Vec::new();
    for record in received.log_records() {
        let Some(Value::StringValue(body)) = record.body.clone().unwrap().value else {
            panic!("a line is text")
        };
        bodies.extend(body.into_bytes());
        assert!(!record.event_name.is_empty() && record.time_unix_nano > 0);
    }
    assert!(bodies == log, "byte for byte, in order");
}
