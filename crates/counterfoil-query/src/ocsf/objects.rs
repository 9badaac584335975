//! The objects that the classes ask for.

use counterfoil_audit::{AuditRecord, Text};
use serde_json::{Map, Value, json};

use super::mapping::{Class, Mapping};

/// Adds what the class of the event has besides what all classes have.
pub(super) fn of_class(
    event: &mut Map<String, Value>,
    mapping: &Mapping,
    record: &AuditRecord,
    data: &Value,
) {
    let mut set = |name: &str, value: Value| event.insert(name.to_owned(), value);
    match mapping.class {
        Class::EntityManagement => {
            set("actor", actor(record));
            set("entity", entity(mapping.entity, record, data));
            if mapping.entity == "edge" {
                let to = json!({"name": data["edge"], "type": "edge", "type_id": 99, "data": {"target": data["to"]}});
                set("entity_result", to);
            }
        }
        Class::ApiActivity => {
            set("actor", actor(record));
            set("src_endpoint", endpoint(record));
            let operation = data["op"].as_str().unwrap_or(record.kind().as_str());
            let (id, name) = call(operation);
            set("activity_id", json!(id));
            set("activity_name", json!(name));
            set("type_uid", json!(mapping.class.uid() * 100 + id));
            set(
                "type_name",
                json!(format!("{}: {name}", mapping.class.name())),
            );
            let error = &data["error"];
            set(
                "api",
                json!({"operation": operation, "response": {"error": error}}),
            );
            set("status_code", error.clone());
            if let Some(lease) = record.keys().lease {
                let lease = json!([{"uid": lease.to_string(), "type": "lease"}]);
                set("resources", lease);
            }
        }
        Class::EventLogActivity => {
            set("log_name", json!(record.chain().as_str()));
            set("log_provider", json!("counterfoil"));
            if data["action"] == "export" {
                set("activity_id", json!(3));
                set("activity_name", json!("Export"));
                set("type_uid", json!(mapping.class.uid() * 100 + 3));
                set("type_name", json!("Event Log Activity: Export"));
            }
            // Who read stands in the data; for anything else it is the log's writer that acts.
            let reader = data["reader"].as_str();
            let actor =
                reader.map_or_else(|| actor(record), |reader| json!({"user": {"uid": reader}}));
            set("actor", actor);
        }
        Class::ApplicationLifecycle => {
            let instance = &data["instance"];
            set(
                "app",
                json!({"uid": instance, "name": "counterfoil producer"}),
            );
        }
        Class::DetectionFinding => {
            let name = &data["name"];
            let uid = format!("{}/{}", record.chain(), name.as_str().unwrap_or_default());
            let kind = record.kind().as_str();
            set(
                "finding_info",
                json!({"uid": uid, "title": name, "types": [kind]}),
            );
            set("is_alert", json!(kind == "obs_alert_fired"));
        }
        Class::BaseEvent => {}
    }
}

/// Why, where the data says so in plain text.
pub(super) fn reason(data: &Value) -> Option<Value> {
    let reason = ["detail", "reason"].iter().map(|name| &data[name]);
    reason.into_iter().find(|it| it.is_string()).cloned()
}

/// A text, or what stands in for it.
pub(super) fn shown(text: &Text) -> String {
    match text {
        Text::Plain(text) => text.clone(),
        Text::Truncated(it) => format!("sha256:{}", it.sha256),
        Text::Erasable(digest) => format!("erasable:{digest}"),
        // No record that was read holds one.
        Text::Forgettable(_) => counterfoil_core::REDACTED.to_owned(),
    }
}

/// On whose behalf: the workload and the pseudonym of the person, and always the producer that took the record.
fn actor(record: &AuditRecord) -> Value {
    let who = record.who();
    let mut actor = json!({"app_uid": record.src().id.to_string()});
    if let Some(workload) = &who.workload {
        actor["app_name"] = json!(shown(workload));
    }
    if let Some(principal) = &who.principal {
        actor["user"] = json!({"uid": shown(principal)});
    }
    actor
}

fn endpoint(record: &AuditRecord) -> Value {
    let mut endpoint = json!({"uid": record.src().id.to_string()});
    if let Some(from) = &record.who().from {
        let from = shown(from);
        let is_address = from.parse::<std::net::IpAddr>().is_ok();
        endpoint[if is_address { "ip" } else { "svc_name" }] = json!(from);
    }
    endpoint
}

/// The activity of a call, by what was tried.
fn call(operation: &str) -> (u32, &'static str) {
    match operation {
        "read" => (2, "Read"),
        "write" => (3, "Update"),
        "submit" => (1, "Create"),
        _ => (99, "Other"),
    }
}

/// What was granted, changed or taken away.
fn entity(what: &'static str, record: &AuditRecord, data: &Value) -> Value {
    let lease = record.keys().lease.map(|lease| lease.to_string());
    let text = |name: &str| data[name].as_str().map(str::to_owned);
    let name = match what {
        "bundle" => text("bundle"),
        "edge" => text("edge"),
        "setting" => text("key"),
        "key" => text("new_key").or_else(|| text("key")),
        _ => lease,
    };
    // A value that is truncated or missing still needs a name; the record has one.
    let name = name.unwrap_or_else(|| format!("{}#{}", record.chain(), record.seq()));
    let mut said = data.as_object().cloned().unwrap_or_default();
    if let Some(node) = &record.keys().node {
        said.insert("node".to_owned(), json!(shown(node)));
    }
    json!({"uid": name, "type": what, "type_id": 99, "data": said})
}
