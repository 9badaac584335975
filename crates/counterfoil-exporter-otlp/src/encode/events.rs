//! Events of the ring, as log records.

use counterfoil_core::{Event, FabricEvent, LeaseId, Name, Severity};
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
    let Event { context, event, .. } = event;
    let mut keys = Keys(Vec::new());
    keys.text("tenant", context.tenant());
    keys.name("workload", context.identity().workload.as_ref());
    keys.name("principal", context.identity().principal.as_ref());
    keys.name(
        "tag",
        context.tag().map(counterfoil_core::AccountingTag::name),
    );
    keys.name("from", context.from());
    if let Some(request) = context.request() {
        keys.text("request_id", request.as_str());
    }
    keys.lease("lease_id", event.lease_id());
    keys.name("node_id", event.node());
    keys.fields(event);
    keys.0
}

struct Keys(Vec<KeyValue>);

impl Keys {
    fn fields(&mut self, event: &FabricEvent) {
        match event {
            FabricEvent::LeaseAcquired {
                resource_type,
                bytes,
                ..
            } => {
                self.text("resource_type", resource_type.as_str());
                self.number("bytes", *bytes);
            }
            FabricEvent::LeaseRenewed {
                resource_type,
                ttl_ms,
                ..
            } => {
                self.text("resource_type", resource_type.as_str());
                self.number("ttl_ms", *ttl_ms);
            }
            FabricEvent::LeaseReleased { resource_type, .. }
            | FabricEvent::LeaseExpired { resource_type, .. } => {
                self.text("resource_type", resource_type.as_str());
            }
            FabricEvent::LeasePreempted {
                resource_type,
                by,
                reason,
                ..
            } => {
                self.text("resource_type", resource_type.as_str());
                self.lease("by", *by);
                self.text("reason", reason.as_str());
            }
            FabricEvent::OperationFailed {
                op,
                error,
                bytes,
                elapsed_ns,
                ..
            } => {
                self.text("op", op.as_str());
                self.text("error", error.as_str());
                self.number("bytes", *bytes);
                self.number("elapsed_ns", *elapsed_ns);
            }
            FabricEvent::Disconnected { reason, .. } => self.text("reason", reason.as_str()),
            FabricEvent::Custom { value, .. } => self.number("value", *value),
            _ => {}
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        self.0.push(values::key_value(key, values::text(text)));
    }

    fn name(&mut self, key: &str, name: Option<&Name>) {
        if let Some(name) = name {
            self.text(key, name.as_str());
        }
    }

    /// As text, in the form of the other layers.
    fn lease(&mut self, key: &str, lease: Option<LeaseId>) {
        if let Some(lease) = lease {
            self.text(key, &lease.to_string());
        }
    }

    fn number(&mut self, key: &str, number: u64) {
        self.0.push(values::key_value(key, values::number(number)));
    }
}
