//! Two verifiers that share no code, over thousands of logs whose verdicts were written down before (docs/specs/corpus).

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use counterfoil_audit::verify::{
    GivenHead, KeyReader, Report, VerifyOptions, verify_path, verify_reader,
};
use counterfoil_core::{Digest, Head};
use counterfoil_merkle::note::VerifierKey;
use counterfoil_signer::{Ed25519Verifier, Keyring, Verifier};
use serde_json::Value;

/// Every case, with what the Python verifier found; `None` where Python or its package for signatures is missing, which only a developer's
/// machine may lack.
fn cases() -> Option<Vec<Value>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/specs/corpus/corpus.py");
    let signatures = Command::new("python3")
        .args(["-c", "import cryptography"])
        .output();
    if !signatures.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI needs python3 with its package cryptography"
        );
        return None;
    }
    let output = Command::new("python3")
        .arg(script)
        .arg("check")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let lines = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    Some(
        lines
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect(),
    )
}

fn decoded(text: &Value) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD
        .decode(text.as_str().unwrap())
        .unwrap()
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
    for key in keys.as_array().unwrap() {
        let key: VerifierKey = key.as_str().unwrap().parse().unwrap();
        ring.trust(Ed25519Verifier::new(key).unwrap()).unwrap();
    }
    ring
}

const READER: KeyReader = |key| {
    let verifier = Ed25519Verifier::new(key.clone()).ok()?;
    Some(Box::new(verifier) as Box<dyn Verifier>)
};

/// Writes the case's log into a directory, as its verifier would find it.
fn put(case: &Value, folder: &Path) -> PathBuf {
    if let Some(log) = case.get("log") {
        let path = folder.join("log.jsonl");
        std::fs::write(&path, decoded(log)).unwrap();
        return path;
    }
    let segments = folder.join("segments");
    std::fs::create_dir(&segments).unwrap();
    for (name, text) in case["segments"].as_object().unwrap() {
        std::fs::write(segments.join(name), decoded(text)).unwrap();
    }
    if let Some(note) = case["stored"].as_str() {
        std::fs::write(folder.join("checkpoint"), note).unwrap();
    }
    folder.to_owned()
}

fn judge(case: &Value) -> Report {
    let keys = keyring(&case["keys"]);
    let mut options = VerifyOptions::new();
    options.head = given(&case["anchor"]);
    options.keys = &keys;
    options.key_reader = Some(READER);
    options.require_anchored_tail = case["require_anchored_tail"].as_bool().unwrap();
    if let Some(log) = case.get("log") {
        return verify_reader(&decoded(log)[..], "log.jsonl", &options);
    }
    let folder = tempfile::tempdir().unwrap();
    verify_path(&put(case, folder.path()), &options)
}

/// What was found, in the words of the corpus.
fn found(report: &Report) -> Value {
    let failures = report.failures.iter();
    let failures: Vec<Value> = failures
        .map(|failure| serde_json::json!([failure.reason.as_str(), failure.position]))
        .collect();
    serde_json::json!({
        "completeness": report.completeness.map(|verdict| verdict.as_str()),
        "exit_code": report.exit_code(),
        "failures": failures,
        "missing": report.missing,
        "records": report.records,
        "signed_by": report.signed_by,
        "tail": report.tail.records,
        "unfinished_bytes": report.tail.unfinished_bytes,
        "verdict": report.verdict.as_str(),
    })
}

/// How a verdict differs from what was written down.
fn differs(case: &Value, found: &Value) -> Option<String> {
    let [code, reason, position] = &case["expected"].as_array().unwrap()[..] else {
        panic!("three parts");
    };
    let first = &found["failures"][0];
    let as_told = found["exit_code"] == *code
        && first[1] == *position
        && (first[0] == *reason || reason.is_null() && *code == 1)
        && (case["completeness"].is_null() || case["completeness"] == found["completeness"]);
    (!as_told).then(|| {
        format!(
            "{}: expected {}, found {found}",
            case["recipe"], case["expected"]
        )
    })
}

#[test]
fn both_verifiers_give_every_log_of_the_corpus_the_verdict_that_was_written_down() {
    let Some(cases) = cases() else {
        eprintln!("skipped: there is no python3 with its package cryptography");
        return;
    };
    assert!(cases.len() > 3_000, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let ours = found(&judge(case));
        wrong.extend(differs(case, &ours).map(|how| format!("Rust: {how}")));
        wrong.extend(differs(case, &case["found"]).map(|how| format!("Python: {how}")));
        // Beyond the first failure, which is written down, they have to agree with each other.
        for (member, ours) in ours.as_object().unwrap() {
            let theirs = &case["found"][member];
            if ours != theirs {
                let recipe = &case["recipe"];
                wrong.push(format!("{recipe}: {member}: Rust {ours}, Python {theirs}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} disagreements:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
