//! Repairing a file that another program wrote again.

use counterfoil_audit::verify::{Verdict, VerifyOptions, verify_reader};
use counterfoil_audit::{
    AuditChain, AuditInput, ErrorKind, Instance, Lane, Src, SrcId, canonicalise,
};
use counterfoil_core::{Context, FabricEvent, LeaseId, ResourceType, Timestamp, WorkloadIdentity};
use serde_json::Value;

fn log() -> Vec<u8> {
    let mut chain = AuditChain::new("audit.example.com/test/1".parse().unwrap());
    let mut out = Vec::new();
    for n in 1..=4 {
        let event = FabricEvent::LeaseExpired {
            resource_type: ResourceType::Mem,
            lease_id: LeaseId(n),
            node: "größer \"7\" \\ \u{2028}".into(),
        };
        let context = Context::new(WorkloadIdentity::tenant_only("acme"));
        let src = Src {
            id: SrcId::new(Instance(7), Lane::thread(0)),
            n,
            time: Timestamp::from_unix_seconds(n),
        };
        let input = AuditInput::from_event(&event, &context, src);
        chain
            .seal(&mut out, &input, Timestamp::from_unix_seconds(n))
            .unwrap();
    }
    out
}

fn values(log: &[u8]) -> Vec<Value> {
    serde_json::Deserializer::from_slice(log)
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

fn repaired(file: &[u8]) -> (Vec<u8>, counterfoil_audit::Canonicalised) {
    let mut out = Vec::new();
    let done = canonicalise(file, &mut out).unwrap();
    (out, done)
}

#[test]
fn canonical_lines_stay_as_they_are() {
    let log = log();
    let (out, done) = repaired(&log);
    assert_eq!(out, log);
    assert_eq!(
        (done.records, done.respaced, done.rewritten, done.mismatched),
        (4, 0, 0, 0)
    );
}

#[test]
fn other_writers_are_undone_and_the_outcome_verifies() {
    let log = log();
    let pretty: String = values(&log)
        .iter()
        .map(|value| serde_json::to_string_pretty(value).unwrap() + "\n")
        .collect();
    let crlf = String::from_utf8(log.clone())
        .unwrap()
        .replace('\n', "\r\n");
    let marked = format!("\u{feff}{}", String::from_utf8(log.clone()).unwrap());
    let escaped = String::from_utf8(log.clone())
        .unwrap()
        .replace('ö', "\\u00F6");
    let floats = String::from_utf8(log.clone())
        .unwrap()
        .replace("\"v\":1,", "\"v\":1.0,");
    for (file, respaced, rewritten) in [
        (pretty, 4, 0),
        (crlf, 4, 0),
        (marked, 0, 0),
        (escaped, 0, 4),
        (floats, 0, 4),
    ] {
        let broken = verify_reader(file.as_bytes(), "file", &VerifyOptions::new());
        assert_eq!(broken.verdict, Verdict::Tampered, "{file}");
        let (out, done) = repaired(file.as_bytes());
        assert_eq!(out, log);
        assert_eq!(done.rewritten, rewritten, "{file}");
        // What follows a line is seen with the record after it, so the first of them is as it was.
        assert!(done.respaced <= respaced, "{done:?}");
        assert_eq!(done.mismatched, 0);
    }
}

#[test]
fn members_in_another_order_are_put_in_order() {
    let log = log();
    let line = String::from_utf8(log.clone()).unwrap();
    let line = line.lines().next().unwrap();
    let (body, hash) = line[1..line.len() - 1].split_once(",\"hash\":").unwrap();
    let swapped = format!("{{\"hash\":{hash},{body}}}\n");
    let (out, done) = repaired(swapped.as_bytes());
    assert_eq!(out, log[..out.len()]);
    assert_eq!((done.records, done.rewritten), (1, 1));
}

#[test]
fn a_record_that_was_changed_in_more_than_its_form_is_counted() {
    let log = String::from_utf8(log()).unwrap();
    let changed = log.replacen("\"tenant\":\"acme\"", "\"tenant\": \"evil\"", 1);
    let (_, done) = repaired(changed.as_bytes());
    assert_eq!((done.mismatched, done.first_mismatched), (1, Some(1)));
}

#[test]
fn what_has_no_canonical_form_is_refused_and_the_record_named() {
    let log = String::from_utf8(log()).unwrap();
    for (from, to, word) in [
        ("\"v\":1,", "\"v\":1,\"v\":1,", "twice"),
        ("\"v\":1,", "\"v\":9007199254740992,", "2^53-1"),
        ("\"v\":1,", "\"v\":1.5,", "2^53-1"),
        ("\"v\":1,", "\"v\":-0,", "2^53-1"),
        ("\"v\":1,", "\"v\":null,", "null"),
        ("\"v\":1,", "\"v\":2,", "byte"),
        ("\"v\":1,", "", "byte"),
        ("{\"body\"", "{\"more\":1,\"body\"", "byte"),
        ("\"v\":1,", "\"v\":1;", "column"),
    ] {
        // The second record.
        let second = log.find('\n').unwrap() + 1;
        let changed = log[..second].to_owned() + &log[second..].replacen(from, to, 1);
        let error = canonicalise(changed.as_bytes(), Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{to}: {error}");
        let text = error.to_string();
        assert!(
            text.contains("record 2") && text.contains(word),
            "{to}: {text}"
        );
    }
}

#[test]
fn a_record_without_an_end_is_refused_before_it_fills_the_memory() {
    let endless = std::io::Read::chain(&b"{\"body\":\""[..], std::io::repeat(b'x'));
    let error = canonicalise(endless, Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("1 MiB"), "{error}");
}
