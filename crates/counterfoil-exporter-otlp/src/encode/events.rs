//! Events of the ring, as log records.

use counterfoil_core::{Event, EventValue, FabricEvent, Severity};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::LogRecord as Record;

use super::{logs, values};

/// A log record with the event's name as its name and body, and the keys that the event has as a line of JSON as attributes.
pub(super) fn record(event: &Event) -> Record {
    let severity = severity(&event.event);
    let name = event.event.kind_name();
    let record = Record {
        time_unix_nano: event.time.unix_nanos(),
        observed_time_unix_nano: event.time.unix_nanos(),
        severity_number: severity.number().into(),
        severity_text: severity.as_str().to_owned(),
        body: values::any(values::text(name)),
        attributes: attributes(event),
        event_name: name.to_owned(),
        ..Record::default()
    };
    logs::within(record, event.context.trace())
}

/// What went against somebody's will is a warning.
const fn severity(event: &FabricEvent) -> Severity {
    match event {
        FabricEvent::LeaseExpired { .. }
        | FabricEvent::LeasePreempted { .. }
        | FabricEvent::OperationFailed { .. }
        | FabricEvent::Disconnected { .. } => Severity::Warn,
        _ => Severity::Info,
    }
}

fn attributes(event: &Event) -> Vec<KeyValue> {
    let mut attributes = Vec::new();
    event.each_key(&mut |key, value| {
        let value = match value {
            // A log record has fields of its own for them.
            EventValue::Trace(_) | EventValue::Span(_) => return,
            EventValue::Text(text) => values::text(text),
            EventValue::Lease(lease) => values::text(&lease.to_string()),
            EventValue::Number(number) => values::number(number),
        };
        attributes.push(values::key_value(key, value));
    });
    attributes
}
