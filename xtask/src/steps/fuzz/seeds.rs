//! Where a target starts from: inputs made of the vectors that the specification publishes.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::failure::{Failure, Result};

/// Writes the seeds of a target into its corpus, beside what earlier runs found. A target without vectors starts from nothing.
pub(super) fn write(root: &Path, target: &str, corpus: &Path) -> Result<()> {
    let failed = |what: &Path, error: &dyn std::fmt::Display| {
        Failure::new(format!("{}: {error}", what.display()), "look at it")
    };
    fs::create_dir_all(corpus).map_err(|error| failed(corpus, &error))?;
    let load = |file: &str| {
        let path = root.join("docs/specs/vectors").join(file);
        let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
        serde_json::from_str(&text).map_err(|error| failed(&path, &error))
    };
    for (at, seed) in of_target(target, load)?.iter().enumerate() {
        let path = corpus.join(format!("vector-{at:04}"));
        fs::write(&path, seed).map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}

fn of_target(target: &str, load: impl Fn(&str) -> Result<Value>) -> Result<Vec<Vec<u8>>> {
    let texts = |members: &[(&str, &str)]| -> Result<Vec<Vec<u8>>> {
        let mut seeds = Vec::new();
        for (file, member) in members {
            collect(&load(file)?, member, &mut seeds);
        }
        Ok(seeds)
    };
    match target {
        "signed_note" => texts(&[
            ("cosignature.json", "note"),
            ("cosignature.json", "ignored"),
            ("checkpoint.json", "note"),
        ]),
        "checkpoint" => texts(&[
            ("cosignature.json", "text"),
            ("checkpoint.json", "signed_text"),
        ]),
        "verifier_key" => texts(&[("cosignature.json", "vkey"), ("checkpoint.json", "vkey")]),
        "tile_path" => texts(&[("tiles.json", "path")]),
        "witness" => texts(&[("witness.json", "body")]),
        "policy" => texts(&[("policy.json", "policy"), ("tlog-proof.json", "policy")]),
        "tlog_proof" => texts(&[("tlog-proof.json", "proof")]),
        "audit_line" => texts(&[("invalid.json", "line"), ("checkpoint.json", "line")]),
        "audit_log" => texts(&[("chains.json", "log")]),
        "entry_bundle" => Ok(binary(&load("tiles.json")?["bundles"], |bundle| {
            let width = u8::try_from(bundle["width"].as_u64()?).ok()?;
            Some([vec![width], bytes(&bundle["bundle"])?].concat())
        })),
        "inclusion" => Ok(binary(&load("tree.json")?["inclusion"], |proof| {
            proof_seed(proof, ["index", "size"], ["leaf", "root"])
        })),
        "consistency" => Ok(binary(&load("tree.json")?["consistency"], |proof| {
            proof_seed(proof, ["old_size", "new_size"], ["old_root", "new_root"])
        })),
        _ => Ok(Vec::new()),
    }
}

/// Every text that a member of this name holds, at any depth.
fn collect(value: &Value, member: &str, seeds: &mut Vec<Vec<u8>>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if name == member => seeds.push(text.clone().into_bytes()),
                    value => collect(value, member, seeds),
                }
            }
        }
        Value::Array(values) => values
            .iter()
            .for_each(|value| collect(value, member, seeds)),
        _ => {}
    }
}

fn binary(vectors: &Value, seed: impl Fn(&Value) -> Option<Vec<u8>>) -> Vec<Vec<u8>> {
    let vectors = vectors.as_array().into_iter().flatten();
    vectors.filter_map(seed).collect()
}

/// Two numbers, two hashes and the hashes of a proof, as the targets read them.
fn proof_seed(vector: &Value, numbers: [&str; 2], hashes: [&str; 2]) -> Option<Vec<u8>> {
    let mut seed = Vec::new();
    for number in numbers {
        seed.extend(vector[number].as_u64()?.to_be_bytes());
    }
    for hash in hashes {
        seed.extend(bytes(&vector[hash])?);
    }
    for hash in vector["proof"].as_array()? {
        seed.extend(bytes(hash)?);
    }
    Some(seed)
}

/// The bytes of a hexadecimal text.
fn bytes(hex: &Value) -> Option<Vec<u8>> {
    let hex = hex.as_str()?;
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::find_root;

    #[test]
    fn every_target_with_vectors_has_seeds() {
        let vectors = find_root().unwrap().join("docs/specs/vectors");
        let load = |file: &str| {
            let text = fs::read_to_string(vectors.join(file)).unwrap();
            Ok(serde_json::from_str(&text).unwrap())
        };
        for target in [
            "signed_note",
            "checkpoint",
            "verifier_key",
            "tile_path",
            "witness",
            "policy",
            "tlog_proof",
            "audit_line",
            "audit_log",
            "entry_bundle",
            "inclusion",
            "consistency",
        ] {
            assert!(of_target(target, load).unwrap().len() > 1, "{target}");
        }
        assert_eq!(of_target("tile_reader", load).unwrap().len(), 0);
    }

    #[test]
    fn a_proof_is_laid_out_as_its_target_reads_it() {
        let vector: Value = serde_json::from_str(
            r#"{"index":1,"size":258,"leaf":"aa","root":"bb","proof":["cc","dd"]}"#,
        )
        .unwrap();
        let seed = proof_seed(&vector, ["index", "size"], ["leaf", "root"]).unwrap();
        assert_eq!(seed[..8], [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(seed[14..], [1, 2, 0xaa, 0xbb, 0xcc, 0xdd]);
    }
}
