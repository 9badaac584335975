//! The known answers that the specification publishes (`docs/specs/vectors`).

use counterfoil_audit::verify::{GivenHead, Report, VerifyOptions, verify_path, verify_reader};
use counterfoil_audit::{
    Access, AccessAction, AuditEventData, AuditInput, AuditRecord, ExtensionKind, Keys,
    LeaseAllocated, LeasePreempted, LeaseRenewed, Metadata, Object, OperationFailed, Outcome,
    Prior, Src, Text, Who, assemble_record, jsonl, verify_chain,
};
use counterfoil_core::{ChainId, Digest, Head};
use counterfoil_merkle::note::VerifierKey;
use counterfoil_signer::{Ed25519Verifier, Keyring, NullSigner, Verifier};
use serde_json::Value;

fn vectors(file: &str) -> Value {
    serde_json::from_str(&text(file)).unwrap()
}

fn text(file: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/specs/vectors/");
    std::fs::read_to_string(format!("{folder}{file}")).unwrap()
}

fn str<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap()
}

/// Seals what a record says once more, in the record's place.
fn again(record: &AuditRecord) -> AuditRecord {
    let input = AuditInput {
        data: record.data().unwrap(),
        outcome: record.outcome(),
        keys: record.keys().clone(),
        src: *record.src(),
        who: record.who().clone(),
    };
    let prior = Prior {
        chain: record.chain().clone(),
        seq: record.seq() - 1,
        hash: record.prev(),
        time: record.time(),
    };
    assemble_record(&prior, &input, &NullSigner).unwrap()
}

#[test]
fn the_published_log_is_read_verified_and_sealed_again_byte_for_byte() {
    let log = text("lines.jsonl");
    let records: Vec<AuditRecord> = jsonl::read_records(log.as_bytes())
        .collect::<Result<_, _>>()
        .unwrap();
    let told = vectors("lines.json");
    assert_eq!(records.len(), told["records"].as_array().unwrap().len());
    let head = verify_chain(&records, [0; 32]).unwrap();
    assert_eq!(head.root.unwrap().to_string(), str(&told["anchor"], "root"));
    for (record, told) in records.iter().zip(told["records"].as_array().unwrap()) {
        assert_eq!(record.kind().as_str(), str(told, "kind"));
        assert_eq!(record.hash().to_string(), str(told, "hash"));
        assert_eq!(
            again(record).body().escape_ascii().to_string(),
            record.body().escape_ascii().to_string()
        );
    }
    let mut written = Vec::new();
    for record in &records {
        jsonl::write_record(&mut written, record).unwrap();
    }
    assert_eq!(written, log.as_bytes());
}

#[test]
fn every_published_input_is_encoded_as_published() {
    for vector in vectors("encoding.json").as_array().unwrap() {
        let name = str(vector, "name");
        let told = input_of(vector);
        let chain = &told["chain"];
        let prior = Prior {
            chain: str(chain, "id").parse().unwrap(),
            seq: chain["seq"].as_u64().unwrap() - 1,
            hash: str(chain, "prev").parse().unwrap(),
            time: str(chain, "time").parse().unwrap(),
        };
        let record = assemble_record(&prior, &typed_input(&told), &NullSigner).unwrap();
        assert_eq!(record.hash().to_string(), str(vector, "hash"), "{name}");
        if let Some(body) = vector["body"].as_str() {
            assert_eq!(record.body(), body.as_bytes(), "{name}");
        }
        assert_eq!(again(&record), record, "{name}");
    }
}

/// The input as it is published, with what was left out for its length put in.
fn input_of(vector: &Value) -> Value {
    let mut input = vector["input"].clone();
    if let Some(replace) = vector.get("replace") {
        let times = replace["times"].as_u64().unwrap();
        let long = str(replace, "repeat").repeat(usize::try_from(times).unwrap());
        *input.pointer_mut(str(replace, "pointer")).unwrap() = long.into();
    }
    input
}

fn typed_input(told: &Value) -> AuditInput {
    let (keys, src, who) = (&told["keys"], &told["src"], &told["who"]);
    let text = |value: &Value| match value["$erasable"].as_str() {
        Some(digest) => Some(Text::Erasable(digest.parse().unwrap())),
        None => value.as_str().map(Text::from),
    };
    AuditInput {
        data: typed_data(str(&told["event"], "kind"), &told["event"]["data"]),
        outcome: match str(&told["event"], "outcome") {
            "success" => Outcome::Success,
            "failure" => Outcome::Failure,
            _ => Outcome::Unknown,
        },
        keys: Keys {
            lease: keys["lease"].as_str().map(|id| id.parse().unwrap()),
            node: text(&keys["node"]),
            request: keys["request"].as_str().map(|id| id.parse().unwrap()),
            span: keys["span"].as_str().map(|id| id.parse().unwrap()),
            trace: keys["trace"].as_str().map(|id| id.parse().unwrap()),
        },
        src: Src {
            id: str(src, "id").parse().unwrap(),
            n: src["n"].as_u64().unwrap(),
            time: str(src, "time").parse().unwrap(),
        },
        who: Who {
            from: text(&who["from"]),
            principal: text(&who["principal"]),
            tag: text(&who["tag"]),
            tenant: text(&who["tenant"]),
            workload: text(&who["workload"]),
        },
    }
}

fn typed_data(kind: &str, data: &Value) -> AuditEventData {
    let mut meta = Metadata::new();
    for (key, text) in data["meta"].as_object().into_iter().flatten() {
        meta.insert(key, text.as_str().unwrap()).unwrap();
    }
    let number = |member: &str| data[member].as_str().map(|number| number.parse().unwrap());
    match kind {
        "operation_failed" => AuditEventData::OperationFailed(OperationFailed {
            bytes: number("bytes"),
            detail: data["detail"].as_str().map(Text::from),
            elapsed_ns: number("elapsed_ns"),
            error: str(data, "error").parse().unwrap(),
            meta,
            op: str(data, "op").parse().unwrap(),
            resource: data["resource"].as_str().map(|it| it.parse().unwrap()),
        }),
        "lease_renewed" => AuditEventData::LeaseRenewed(LeaseRenewed {
            bytes: number("bytes"),
            meta,
            resource: str(data, "resource").parse().unwrap(),
            ttl_ms: number("ttl_ms"),
        }),
        "lease_allocated" => AuditEventData::LeaseAllocated(LeaseAllocated {
            bytes: number("bytes").unwrap(),
            meta,
            resource: str(data, "resource").parse().unwrap(),
            ttl_ms: number("ttl_ms"),
        }),
        "lease_preempted" => AuditEventData::LeasePreempted(LeasePreempted {
            by_lease: number("by_lease"),
            bytes: number("bytes"),
            meta,
            reason: str(data, "reason").into(),
            resource: str(data, "resource").parse().unwrap(),
        }),
        "access" => AuditEventData::Access(Access {
            action: match str(data, "action") {
                "read" => AccessAction::Read,
                _ => AccessAction::Export,
            },
            count: data["count"].as_u64().unwrap(),
            first_seq: data["first_seq"].as_u64(),
            last_seq: data["last_seq"].as_u64(),
            reader: str(data, "reader").into(),
        }),
        extension => {
            let kind = ExtensionKind::new(&extension.into()).unwrap();
            AuditEventData::Extension(kind, object(data))
        }
    }
}

fn object(value: &Value) -> Object {
    let mut object = Object::new();
    for (key, value) in value.as_object().unwrap() {
        object.insert(key, tree(value)).unwrap();
    }
    object
}

fn tree(value: &Value) -> counterfoil_audit::Value {
    use counterfoil_audit::Value as Tree;
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Number(number) => Tree::Integer(number.as_i64().unwrap()),
        Value::Bool(value) => (*value).into(),
        Value::Array(items) => Tree::Array(items.iter().map(tree).collect()),
        Value::Object(_) => Tree::Object(object(value)),
        Value::Null => panic!("null has no place in a body"),
    }
}

#[test]
fn every_published_invalid_line_is_refused_for_the_published_reason() {
    let told = vectors("invalid.json");
    for valid in ["valid", "valid_signed"] {
        assert!(
            AuditRecord::parse(str(&told, valid).as_bytes())
                .unwrap()
                .is_intact()
        );
    }
    for vector in told["lines"].as_array().unwrap() {
        let found = match AuditRecord::parse(&raw_line(vector)) {
            Err(_) => "grammar",
            Ok(record) if !record.is_intact() => "hash",
            Ok(_) => "accepted",
        };
        let wanted = str(vector, "verdict");
        assert_eq!(found, wanted, "{}", str(vector, "name"));
    }
}

/// A line that is no valid text is published in base64.
fn raw_line(vector: &Value) -> Vec<u8> {
    use base64::Engine as _;
    match vector["line"].as_str() {
        Some(line) => line.as_bytes().to_vec(),
        None => base64::engine::general_purpose::STANDARD
            .decode(str(vector, "line_base64"))
            .unwrap(),
    }
}

fn reader(key: &VerifierKey) -> Option<Box<dyn Verifier>> {
    Ed25519Verifier::new(key.clone())
        .ok()
        .map(|verifier| Box::new(verifier) as Box<dyn Verifier>)
}

fn given(anchor: &Value) -> Option<GivenHead> {
    let anchor = anchor.as_object()?;
    let digest = |text: &Value| text.as_str().unwrap().parse::<Digest>().unwrap();
    Some(GivenHead {
        head: Head {
            chain: anchor["chain"].as_str().unwrap().parse().unwrap(),
            seq: anchor["seq"].as_u64().unwrap(),
            hash: digest(&anchor["hash"]),
            root: anchor.get("root").map(digest),
        },
        checkpoint: anchor
            .get("checkpoint")
            .map(|note| note.as_str().unwrap().to_owned()),
    })
}

fn keyring(keys: &Value) -> Keyring {
    let mut ring = Keyring::new();
    for key in keys.as_array().into_iter().flatten() {
        let key: VerifierKey = key.as_str().unwrap().parse().unwrap();
        ring.trust(Ed25519Verifier::new(key).unwrap()).unwrap();
    }
    ring
}

fn judge(vector: &Value, options: &VerifyOptions<'_>) -> Report {
    if let Some(segments) = vector.get("segments") {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("segments")).unwrap();
        for segment in segments.as_array().unwrap() {
            let path = folder.path().join("segments").join(str(segment, "name"));
            std::fs::write(path, str(segment, "text")).unwrap();
        }
        return verify_path(folder.path(), options);
    }
    verify_reader(str(vector, "log").as_bytes(), "log.jsonl", options)
}

#[test]
fn every_published_chain_gets_its_published_verdict_on_any_number_of_threads() {
    let told = vectors("chains.json");
    for vector in told["chains"].as_array().unwrap() {
        let name = str(vector, "name");
        let keys = keyring(&vector["keys"]);
        for jobs in [1, 2, 5] {
            let mut options = VerifyOptions::new();
            options.jobs = jobs;
            options.key_reader = Some(reader);
            options.keys = &keys;
            check_without_head(vector, &options);
            let Some(head) = given(&vector["anchor"]) else {
                continue;
            };
            options.head = Some(head);
            let report = judge(vector, &options);
            assert_eq!(
                u64::from(report.exit_code()),
                vector["exit_with_anchor"].as_u64().unwrap(),
                "{name}: {report}"
            );
            check_report(vector, &report);
        }
    }
}

fn check_without_head(vector: &Value, options: &VerifyOptions<'_>) {
    let report = judge(vector, options);
    assert_eq!(
        u64::from(report.exit_code()),
        vector["exit_without_anchor"].as_u64().unwrap(),
        "{} without an anchor: {report}",
        str(vector, "name")
    );
    if vector["anchor"].is_null() {
        check_report(vector, &report);
    }
}

fn check_report(vector: &Value, report: &Report) {
    let name = str(vector, "name");
    let first = report.failures.first();
    match &vector["first_failure"] {
        Value::Null => assert_eq!(first, None, "{name}: {report}"),
        told => {
            let first = first.unwrap();
            assert_eq!(
                first.reason.as_str(),
                str(told, "reason"),
                "{name}: {report}"
            );
            assert_eq!(
                first.position,
                told["position"].as_u64(),
                "{name}: {report}"
            );
        }
    }
    if let Some(told) = vector["completeness"].as_str() {
        assert_eq!(
            report.completeness.unwrap().as_str(),
            told,
            "{name}: {report}"
        );
    }
    if let Some(missing) = vector["missing"].as_u64() {
        assert_eq!(report.missing, missing, "{name}");
    }
    if let Some(tail) = vector["tail"].as_u64() {
        assert_eq!(report.tail.records, tail, "{name}");
    }
}

#[test]
fn the_published_lanes_get_their_published_verdicts() {
    let told = vectors("lines.json");
    let keys = keyring(&Value::Array(vec![
        told["keys"]["log_rotated"]["vkey"].clone(),
    ]));
    let mut options = VerifyOptions::new();
    options.head = given(&told["anchor"]);
    options.key_reader = Some(reader);
    options.keys = &keys;
    let report = verify_reader(text("lines.jsonl").as_bytes(), "lines.jsonl", &options);
    assert_eq!(report.exit_code(), 0, "{report}");
    assert_eq!(report.signed_by.len(), 1);
    let lanes = told["completeness"]["lanes"].as_object().unwrap();
    assert_eq!(report.lanes.len(), lanes.len());
    for lane in &report.lanes {
        assert_eq!(
            lane.completeness.as_str(),
            lanes[lane.src.as_str()].as_str().unwrap(),
            "{}",
            lane.src
        );
    }
}

#[test]
fn published_rotations_and_epochs_get_their_published_verdicts() {
    let told = vectors("keys.json");
    let logs = told["logs"].as_array().unwrap();
    assert!(logs.len() >= 50, "{}", logs.len());
    for vector in logs {
        let keys = keyring(&vector["keys"]);
        let mut options = VerifyOptions::new();
        options.head = given(&vector["anchor"]);
        options.key_reader = Some(reader);
        options.keys = &keys;
        let text = str(vector, "text");
        let report = verify_reader(text.as_bytes(), "log.jsonl", &options);
        let name = str(vector, "name");
        let exit = u64::from(report.exit_code());
        assert_eq!(Some(exit), vector["exit"].as_u64(), "{name}: {report}");
        check_report(vector, &report);
    }
}

#[test]
fn a_published_checkpoint_over_every_size_is_accepted() {
    let told = vectors("checkpoint.json");
    let log = str(&told["checkpoint"], "log");
    let keys = keyring(&Value::Array(vec![
        told["checkpoint"]["key"]["vkey"].clone(),
    ]));
    let records: Vec<AuditRecord> = jsonl::read_records(log.as_bytes())
        .collect::<Result<_, _>>()
        .unwrap();
    let chain: ChainId = records[0].chain().clone();
    for (index, note) in told["checkpoints_by_size"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let mut options = VerifyOptions::new();
        options.head = Some(GivenHead {
            head: Head {
                chain: chain.clone(),
                seq: index as u64 + 1,
                hash: records[index].hash(),
                root: None,
            },
            checkpoint: note.as_str().map(str::to_owned),
        });
        options.keys = &keys;
        let report = verify_reader(log.as_bytes(), "log", &options);
        assert_eq!(report.exit_code(), 0, "{report}");
        assert_eq!(report.tail.records, (records.len() - index - 1) as u64);
    }
}
