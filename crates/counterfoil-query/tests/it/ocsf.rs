//! Records as OCSF events: every kind has one, and it leads back to its record.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use counterfoil_audit::{AuditEventKind, AuditRecord};
use counterfoil_query::ocsf::{self, Mapping};
use serde_json::{Value, json};

/// The chain of the specification, which has every kind.
fn records() -> Vec<AuditRecord> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/specs/vectors/lines.jsonl");
    let lines = fs::read(path).unwrap();
    lines
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| AuditRecord::parse(line).unwrap())
        .collect()
}

fn event(record: &AuditRecord) -> Value {
    serde_json::from_str(&ocsf::event(record).unwrap()).unwrap()
}

/// The first record of each kind.
fn first_of_each() -> BTreeMap<String, AuditRecord> {
    let mut first = BTreeMap::new();
    for record in records() {
        first.entry(record.kind().to_string()).or_insert(record);
    }
    first
}

fn golden(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/ocsf/{kind}.json"))
}

/// Set `BLESS=1` to write the files anew, and read the difference.
#[test]
fn the_event_of_each_kind_is_the_one_in_its_golden_file() {
    let bless = std::env::var_os("BLESS").is_some();
    for (kind, record) in first_of_each() {
        let text = serde_json::to_string_pretty(&event(&record)).unwrap() + "\n";
        if bless {
            fs::write(golden(&kind), &text).unwrap();
        }
        let kept = fs::read_to_string(golden(&kind)).unwrap_or_default();
        assert!(
            kept == text,
            "{kind}: the event differs from its golden file:\n{text}"
        );
    }
}

#[test]
fn every_kind_of_the_format_has_a_record_here_and_a_golden_file() {
    let records = first_of_each();
    for kind in AuditEventKind::CLOSED {
        assert!(records.contains_key(kind.as_str()), "no record of {kind}");
        assert!(golden(kind.as_str()).exists(), "no golden file for {kind}");
    }
    assert!(records.contains_key("vault.object_put"));
}

#[test]
fn the_code_of_an_event_is_the_kind_of_its_record() {
    for record in records() {
        let event = event(&record);
        assert_eq!(event["metadata"]["event_code"], record.kind().as_str());
    }
}

#[test]
fn an_event_leads_back_to_its_record() {
    for record in records() {
        let event = event(&record);
        let unmapped = &event["unmapped"];
        assert_eq!(unmapped["chain"], record.chain().as_str());
        assert_eq!(unmapped["seq"], record.seq());
        assert_eq!(unmapped["hash"], record.hash().to_string());
        assert_eq!(event["metadata"]["uid"], record.hash().to_string());
        let body: Value = serde_json::from_slice(record.body()).unwrap();
        assert_eq!(unmapped["data"], body["event"]["data"]);
        assert_eq!(unmapped["keys"], body["keys"]);
        assert_eq!(unmapped["who"], body["who"]);
    }
}

#[test]
fn numbers_of_a_class_agree_with_each_other() {
    for record in records() {
        let event = event(&record);
        let number = |name: &str| event[name].as_u64().unwrap();
        assert_eq!(
            number("type_uid"),
            number("class_uid") * 100 + number("activity_id")
        );
        if number("class_uid") > 0 {
            assert_eq!(number("class_uid") / 1_000, number("category_uid"));
        }
        assert_eq!(event["time"], record.src().time.unix_nanos() / 1_000_000);
        assert_eq!(event["metadata"]["version"], ocsf::SCHEMA_VERSION);
    }
}

#[test]
fn what_is_worse_than_its_kind_is_more_severe() {
    let of = |kind: &str, old: &str, new: &str| {
        let record = &first_of_each()[kind];
        let line = String::from_utf8(record.line().to_vec()).unwrap();
        assert!(line.contains(old), "{line}");
        let changed = AuditRecord::parse(line.replacen(old, new, 1).as_bytes()).unwrap();
        event(&changed)["severity_id"].as_u64().unwrap()
    };
    let plain = |kind: &str| {
        event(&first_of_each()[kind])["severity_id"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(plain("log_closed"), 1);
    assert_eq!(
        of(
            "log_closed",
            "\"reason\":\"shutdown\"",
            "\"reason\":\"failure\""
        ),
        4
    );
    assert_eq!(plain("lease_allocated"), 1);
    assert_eq!(
        of(
            "lease_allocated",
            "\"outcome\":\"success\"",
            "\"outcome\":\"failure\""
        ),
        2
    );
}

#[test]
fn an_export_is_told_from_a_reading() {
    let record = &first_of_each()["access"];
    let line = String::from_utf8(record.line().to_vec()).unwrap();
    let (from, to) = if line.contains("\"action\":\"read\"") {
        ("\"action\":\"read\"", "\"action\":\"export\"")
    } else {
        ("\"action\":\"export\"", "\"action\":\"read\"")
    };
    let other = AuditRecord::parse(line.replacen(from, to, 1).as_bytes()).unwrap();
    let mut ids = [&event(record)["activity_id"], &event(&other)["activity_id"]].map(Value::clone);
    ids.sort_by_key(Value::to_string);
    assert_eq!(ids, [json!(3), json!(99)]);
}

#[test]
fn an_extension_kind_is_a_base_event_under_its_own_name() {
    let mapping = Mapping::of(&"vault.object_put".parse().unwrap());
    assert_eq!((mapping.class.uid(), mapping.activity.id), (0, 99));
    assert_eq!(mapping.activity.name, "vault.object_put");
}
