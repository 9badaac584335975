//! Lines of JSON.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use counterfoil_core::{
    AccountingTag, Context, Event, FabricError, FabricEvent, LeaseId, Name, OpType, Pseudonym,
    REDACTED, Redact, ResourceType, WorkloadIdentity,
};
use counterfoil_events::{EventSink, JsonEventSink};
use counterfoil_testkit::event_sink;

use crate::clock::{acme, at};

/// Bytes that a test still sees when a sink has them.
#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn lines(&self) -> Vec<serde_json::Value> {
        let bytes = self.0.lock().unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn written(event: FabricEvent, context: Context) -> String {
    let sink = JsonEventSink::new(Vec::new()).with_redact(NoTokens);
    let time = at(1);
    sink.accept(&Event {
        time,
        context,
        event,
    })
    .unwrap();
    String::from_utf8(sink.into_inner()).unwrap()
}

#[derive(Debug)]
struct NoTokens;

impl Redact for NoTokens {
    fn redact(&self, text: &str) -> Option<String> {
        text.contains("token=").then(|| REDACTED.to_owned())
    }

    fn redact_value(&self, _key: &str, value: &str) -> Option<String> {
        self.redact(value)
    }

    fn redact_label(&self, _key: &str, value: &str) -> Option<String> {
        self.redact(value)
    }
}

#[test]
fn an_event_with_everything_has_this_line() {
    let identity = WorkloadIdentity::tenant_only("acme")
        .with_workload("web")
        .with_principal(&Pseudonym::assume("p-1"));
    let context = Context::new(identity)
        .with_tag(AccountingTag::new("team/batch"))
        .with_from("10.0.0.1")
        .with_trace(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                .parse()
                .unwrap(),
        )
        .with_request("req-42".parse().unwrap());
    let event = FabricEvent::LeasePreempted {
        resource_type: ResourceType::Gpu,
        lease_id: LeaseId(u64::MAX),
        node: Name::new("node-a"),
        by: Some(LeaseId(8)),
        reason: Name::new("pressure"),
    };
    assert_eq!(
        written(event, context),
        concat!(
            r#"{"time":"2023-11-14T22:13:20.000000001Z","event":"lease_preempted","tenant":"acme","workload":"web","#,
            r#""principal":"p-1","tag":"team/batch","from":"10.0.0.1","trace_id":"0af7651916cd43dd8448eb211c80319c","#,
            r#""span_id":"b7ad6b7169203331","request_id":"req-42","lease_id":"18446744073709551615","node_id":"node-a","#,
            r#""resource_type":"gpu","by":"8","reason":"pressure"}"#,
            "\n"
        )
    );
}

#[test]
fn an_event_with_little_has_no_empty_keys() {
    let event = FabricEvent::OperationFailed {
        op: OpType::Write,
        error: FabricError::Timeout,
        lease_id: None,
        node: None,
        bytes: 4_096,
        elapsed_ns: 120,
    };
    assert_eq!(
        written(event, acme()),
        concat!(
            r#"{"time":"2023-11-14T22:13:20.000000001Z","event":"operation_failed","tenant":"acme","op":"write","#,
            r#""error":"timeout","bytes":4096,"elapsed_ns":120}"#,
            "\n"
        )
    );
}

#[test]
fn a_sensitive_reason_never_reaches_the_line() {
    let node = Name::new("node-a");
    let reason = Name::new("refused token=s3cret");
    let line = written(
        FabricEvent::Disconnected { node, reason },
        acme().with_from("token=x"),
    );
    assert!(!line.contains("token"), "{line}");
    assert_eq!(line.matches(REDACTED).count(), 2);
}

#[test]
fn hostile_names_stay_within_their_string() {
    let out = Shared::default();
    let sink = JsonEventSink::new(out.clone());
    let events = event_sink::events();
    for event in &events {
        sink.accept(event).unwrap();
    }
    let lines = out.lines();
    assert_eq!(lines.len(), events.len());
    for (line, event) in lines.iter().zip(&events) {
        assert_eq!(line["tenant"], event.context.tenant());
        assert_eq!(line["event"], event.event.kind_name());
        assert_eq!(
            line.get("node_id").and_then(|id| id.as_str()),
            event.event.node().map(Name::as_str)
        );
    }
    let raw = out.0.lock().unwrap();
    assert!(
        raw.iter().all(|byte| *byte >= b' ' || *byte == b'\n'),
        "no control character is left"
    );
}

#[test]
fn the_sink_conforms_by_value_boxed_and_shared() {
    fn make() -> (JsonEventSink<Shared>, impl Fn() -> usize) {
        let out = Shared::default();
        (JsonEventSink::new(out.clone()), move || out.lines().len())
    }
    event_sink::conformance(make);
    event_sink::conformance(|| {
        let (sink, arrived) = make();
        (Box::new(sink) as Box<dyn EventSink>, arrived)
    });
    event_sink::conformance(|| {
        let (sink, arrived) = make();
        (Arc::new(sink) as Arc<dyn EventSink>, arrived)
    });
}

/// Takes that many bytes and then fails, once.
#[derive(Debug)]
struct FullDisk {
    taken: Vec<u8>,
    until: usize,
    failed: bool,
}

impl FullDisk {
    const fn after(until: usize) -> Self {
        Self {
            taken: Vec::new(),
            until,
            failed: false,
        }
    }
}

impl Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return self.taken.write(bytes);
        }
        if self.taken.len() < self.until {
            return self.taken.write(&bytes[..self.until]);
        }
        self.failed = true;
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_half_written_line_does_not_damage_the_next() {
    let sink = JsonEventSink::new(FullDisk::after(5));
    let event = &event_sink::events()[0];
    let error = sink.accept(event).unwrap_err();
    assert!(std::error::Error::source(&error).is_some());
    sink.accept(event).unwrap();
    let text = String::from_utf8(sink.into_inner().taken).unwrap();
    let (damaged, rest) = text.split_once('\n').unwrap();
    assert_eq!(damaged.len(), 5);
    assert!(serde_json::from_str::<serde_json::Value>(rest).is_ok());
}

#[test]
fn a_line_that_was_refused_whole_leaves_no_blank_line() {
    let sink = JsonEventSink::new(FullDisk::after(0));
    let event = &event_sink::events()[0];
    sink.accept(event).unwrap_err();
    sink.accept(event).unwrap();
    let text = String::from_utf8(sink.into_inner().taken).unwrap();
    assert_eq!(text.lines().count(), 1, "{text:?}");
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
}
