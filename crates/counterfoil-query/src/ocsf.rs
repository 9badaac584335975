//! Records as events of the Open Cybersecurity Schema Framework, for SIEMs.
//!
//! Every kind has its class and activity ([`Mapping::of`]). An event says in `unmapped` which record it comes from (`chain`,
//! `seq`, `hash`, `prev`) and repeats what the record says, so that whoever doubts the event can go to the record and to its
//! proof. `metadata.uid` is the record's hash: an event that is exported twice is recognised.
//!
//! ```
//! use counterfoil_audit::AuditEventKind;
//! use counterfoil_query::ocsf::{Class, Mapping};
//!
//! let mapping = Mapping::of(&AuditEventKind::LeaseAllocated);
//! assert_eq!((mapping.class, mapping.activity.id), (Class::EntityManagement, 1));
//! ```

mod mapping;
mod objects;

use counterfoil_audit::{AuditRecord, Outcome};
use serde_json::{Map, Value, json};

use crate::Error;
use crate::error::ErrorKind;

pub use mapping::{Activity, Class, Mapping, Severity};

/// The version of the schema that events follow.
pub const SCHEMA_VERSION: &str = "1.8.0";

/// The event of `record`, as a line of JSON without its line feed. Members are sorted by name.
///
/// # Errors
/// [`Corrupt`](ErrorKind::Corrupt) when the body of the record cannot be read as JSON, which a record that was parsed rules out.
pub fn event(record: &AuditRecord) -> Result<String, Error> {
    let body: Value = serde_json::from_slice(record.body()).map_err(|error| {
        let what = format!("record {} as JSON", record.seq());
        Error::new(ErrorKind::Corrupt, "read", what).with_source(error)
    })?;
    let mapping = Mapping::of(record.kind());
    let data = &body["event"]["data"];
    let severity = mapping.severity_of(record.outcome(), data);
    let mut event = classification(&mapping, severity);
    event.insert("time".to_owned(), milliseconds(record.src().time));
    event.insert("message".to_owned(), json!(message(record)));
    event.insert("metadata".to_owned(), metadata(record));
    event.insert("unmapped".to_owned(), unmapped(record, &body));
    let status = match (mapping.class, record.outcome()) {
        // A finding's status is its own: whether it is new or over.
        (Class::DetectionFinding, _) if mapping.activity.id == 3 => (4, "Resolved"),
        (Class::DetectionFinding, _) => (1, "New"),
        (_, Outcome::Success) => (1, "Success"),
        (_, Outcome::Failure) => (2, "Failure"),
        (_, Outcome::Unknown) => (0, "Unknown"),
    };
    event.insert("status_id".to_owned(), json!(status.0));
    event.insert("status".to_owned(), json!(status.1));
    if let Some(reason) = objects::reason(data) {
        event.insert("status_detail".to_owned(), reason);
    }
    objects::of_class(&mut event, &mapping, record, data);
    Ok(Value::Object(event).to_string())
}

fn classification(mapping: &Mapping, severity: Severity) -> Map<String, Value> {
    let (class, activity) = (mapping.class, &mapping.activity);
    let mut event = Map::new();
    let mut set = |name: &str, value: Value| event.insert(name.to_owned(), value);
    set("category_uid", json!(class.category().0));
    set("category_name", json!(class.category().1));
    set("class_uid", json!(class.uid()));
    set("class_name", json!(class.name()));
    set("activity_id", json!(activity.id));
    set("activity_name", json!(activity.name));
    set("type_uid", json!(class.uid() * 100 + activity.id));
    set(
        "type_name",
        json!(format!("{}: {}", class.name(), activity.name)),
    );
    set("severity_id", json!(severity.id()));
    set("severity", json!(severity.name()));
    event
}

fn metadata(record: &AuditRecord) -> Value {
    let mut metadata = json!({
        "version": SCHEMA_VERSION,
        "product": {
            "name": "Counterfoil",
            "vendor_name": "Counterfoil",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "uid": record.hash().to_string(),
        "sequence": record.seq(),
        "event_code": record.kind().as_str(),
        "log_name": record.chain().as_str(),
        "log_provider": "counterfoil",
        "log_version": "1",
        "original_event_uid": format!("{}#{}", record.chain(), record.seq()),
        "original_time": record.src().time.to_string(),
        "logged_time": milliseconds(record.time()),
    });
    let keys = record.keys();
    let correlation = keys.trace.map(|trace| trace.to_string());
    let correlation = correlation.or_else(|| keys.request.as_ref().map(ToString::to_string));
    if let Some(correlation) = correlation {
        metadata["correlation_uid"] = json!(correlation);
    }
    if let Some(tenant) = &record.who().tenant {
        metadata["tenant_uid"] = json!(objects::shown(tenant));
    }
    metadata
}

/// The record, as far as the schema has no place for it, and the way back to its proof.
fn unmapped(record: &AuditRecord, body: &Value) -> Value {
    json!({
        "chain": record.chain().as_str(),
        "seq": record.seq(),
        "hash": record.hash().to_string(),
        "prev": record.prev().to_string(),
        "src": body["src"],
        "keys": body["keys"],
        "who": body["who"],
        "outcome": record.outcome().as_str(),
        "data": body["event"]["data"],
    })
}

fn message(record: &AuditRecord) -> String {
    let kind = record.kind().as_str().replace('_', " ");
    match record.keys().lease {
        Some(lease) => format!("{kind}: lease {lease}"),
        None => kind,
    }
}

fn milliseconds(time: counterfoil_core::Timestamp) -> Value {
    json!(time.unix_nanos() / 1_000_000)
}
