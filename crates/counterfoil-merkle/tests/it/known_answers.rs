//! The known answers that the specification publishes (`docs/specs/vectors`), made by another implementation.

use std::collections::BTreeMap;

use counterfoil_core::Digest;
use counterfoil_merkle::note::SignedNote;
use counterfoil_merkle::policy::Policy;
use counterfoil_merkle::proof::{ProofPlan, verify_consistency, verify_inclusion};
use counterfoil_merkle::tile::{TileBuilder, TileId, TileReader, parse_bundle, push_entry};
use counterfoil_merkle::witness::AddCheckpoint;
use counterfoil_merkle::{CompactRange, EMPTY_ROOT, Error, ErrorKind, leaf_hash};
use serde_json::Value;

use crate::vectors::{bytes, digest, list, text};

fn load(file: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/specs/vectors/");
    serde_json::from_str(&std::fs::read_to_string(format!("{folder}{file}")).unwrap()).unwrap()
}

fn number(vector: &Value, member: &str) -> u64 {
    vector[member].as_u64().unwrap()
}

fn digests(vector: &Value) -> Vec<Digest> {
    vector.as_array().unwrap().iter().map(digest).collect()
}

fn entries(count: u64) -> Vec<Digest> {
    (0..count)
        .map(|i| leaf_hash(format!("entry {i}").as_bytes()))
        .collect()
}

/// The tiles of a tree, as a log writes them in one go.
fn tiles_of(leaves: &[Digest]) -> BTreeMap<TileId, Vec<u8>> {
    let mut written = BTreeMap::new();
    let mut builder = TileBuilder::new();
    builder
        .extend(leaves, |id, bytes| {
            written.insert(id, bytes.to_vec());
            Ok::<_, Error>(())
        })
        .unwrap();
    let partial = builder.partial(0).map(|(id, bytes)| (id, bytes.to_vec()));
    written.extend(partial);
    written
}

/// Makes a proof out of the tiles of exactly that size.
fn from_tiles(plan: &ProofPlan, leaves: &[Digest]) -> Vec<Digest> {
    let tiles = tiles_of(leaves);
    let mut reader = TileReader::new(leaves.len() as u64, |id| Ok::<_, Error>(tiles[&id].clone()));
    plan.prove(|node| reader.node(node)).unwrap()
}

#[test]
fn roots_and_inclusion_proofs_are_made_and_judged_as_published() {
    let known = load("tree.json");
    let all = entries(70_000);
    for (size, root) in known["roots"].as_object().unwrap() {
        let mut tree = CompactRange::new();
        tree.extend(&all[..size.parse().unwrap()]);
        assert_eq!(tree.root(), digest(root), "{size}");
    }
    for vector in list(&known, "inclusion") {
        let (index, size) = (number(vector, "index"), number(vector, "size"));
        let (proof, root) = (digests(&vector["proof"]), digest(&vector["root"]));
        let held = verify_inclusion(&digest(&vector["leaf"]), index, size, &proof, &root);
        assert_eq!(held.is_ok(), vector["valid"].as_bool().unwrap(), "{vector}");
        if text(vector, "name") == "made" {
            let plan = ProofPlan::inclusion(index, size).unwrap();
            assert_eq!(from_tiles(&plan, &all[..size as usize]), proof, "{vector}");
        }
    }
}

#[test]
fn consistency_proofs_are_made_and_judged_as_published() {
    let known = load("tree.json");
    let all = entries(70_000);
    for vector in list(&known, "consistency") {
        let (old, size) = (number(vector, "old_size"), number(vector, "new_size"));
        let (old_root, root) = (digest(&vector["old_root"]), digest(&vector["new_root"]));
        let proof = digests(&vector["proof"]);
        let held = verify_consistency(old, &old_root, size, &root, &proof);
        assert_eq!(held.is_ok(), vector["valid"].as_bool().unwrap(), "{vector}");
        if text(vector, "name") == "made" {
            let plan = ProofPlan::consistency(old, size).unwrap();
            assert_eq!(from_tiles(&plan, &all[..size as usize]), proof, "{vector}");
        }
    }
}

#[test]
fn the_bytes_of_tiles_are_those_published() {
    use sha2::Digest as _;
    let known = load("tiles.json");
    let all = entries(70_000);
    let hash = |bytes: &[u8]| Digest::from_bytes(sha2::Sha256::digest(bytes).into());
    for layout in list(&known, "layout") {
        let tiles = tiles_of(&all[..number(layout, "size") as usize]);
        let written: Vec<(String, Digest)> = tiles
            .iter()
            .map(|(id, bytes)| (id.to_string(), hash(bytes)))
            .collect();
        let expected: Vec<(String, Digest)> = list(layout, "tiles")
            .iter()
            .map(|tile| (text(tile, "path").to_owned(), digest(&tile["sha256"])))
            .collect();
        assert_eq!(written, expected);
    }
    let tiles = tiles_of(&all);
    for tile in list(&known, "of_70000") {
        let id: TileId = text(tile, "path").parse().unwrap();
        assert_eq!(hash(&tiles[&id]), digest(&tile["sha256"]), "{id}");
    }
}

#[test]
fn growth_paths_and_bundles_are_those_published() {
    let known = load("tiles.json");
    for vector in list(&known, "growth") {
        let growth = TileId::growth(number(vector, "old_size"), number(vector, "new_size"));
        let paths: Vec<String> = growth.map(|id| id.to_string()).collect();
        assert_eq!(Value::from(paths), vector["written"], "{vector}");
    }
    for vector in list(&known, "paths") {
        let (level, width) = (
            number(vector, "level") as u8,
            number(vector, "width") as u16,
        );
        let id = TileId::new(level, number(vector, "index"), width).unwrap();
        assert_eq!(id.to_string(), text(vector, "path"));
        assert_eq!(text(vector, "path").parse::<TileId>().unwrap(), id);
    }
    for vector in list(&known, "bundles") {
        let bundle = bytes(text(vector, "bundle"));
        let parsed = parse_bundle(&bundle, number(vector, "width") as u16);
        assert_eq!(
            parsed.is_ok(),
            vector["valid"].as_bool().unwrap(),
            "{vector}"
        );
        let Ok(parsed) = parsed else { continue };
        let expected: Vec<Vec<u8>> = vector["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| bytes(entry.as_str().unwrap()))
            .collect();
        assert_eq!(parsed, expected);
        let mut made = Vec::new();
        for entry in &expected {
            push_entry(&mut made, entry).unwrap();
        }
        assert_eq!(made, bundle);
    }
}

#[test]
fn policies_are_read_refused_and_evaluated_as_published() {
    let known = load("policy.json");
    for vector in list(&known, "invalid") {
        let parsed = Policy::parse(text(vector, "policy").as_bytes());
        assert!(parsed.is_err(), "{}: {parsed:?}", text(vector, "why"));
    }
    for vector in list(&known, "valid") {
        let policy = Policy::parse(text(vector, "policy").as_bytes()).unwrap();
        assert_eq!(
            Policy::parse(policy.to_string().as_bytes()).unwrap(),
            policy
        );
        let sets = vector["met_by"].as_array().unwrap();
        for mask in 0..8 {
            let names = ["w1", "w2", "w3"].into_iter().enumerate();
            let set: Vec<&str> = names
                .filter(|(at, _)| mask >> at & 1 == 1)
                .map(|(_, name)| name)
                .collect();
            let verdict = policy.evaluate(|witness| set.contains(&witness.name()));
            let expected = sets.contains(&Value::from(set.clone()));
            assert_eq!(verdict.is_met(), expected, "{set:?} under {policy}");
        }
    }
}

#[test]
fn witness_requests_get_the_answers_that_are_published() {
    let known = load("witness.json");
    for vector in list(&known, "requests") {
        let status = match AddCheckpoint::parse(text(vector, "body")) {
            Err(error) if error.kind() == ErrorKind::Contradictory => 422,
            Err(_) => 400,
            Ok(request) => {
                assert_eq!(request.to_text(), text(vector, "body"));
                let recorded = match &known["recorded"][request.old_size().to_string()] {
                    Value::Null => EMPTY_ROOT,
                    root => digest(root),
                };
                match request.verify_growth(&recorded) {
                    Ok(()) => 200,
                    Err(_) => 422,
                }
            }
        };
        assert_eq!(status, number(vector, "status"), "{vector}");
    }
}

#[test]
fn a_line_of_a_kind_that_nobody_here_knows_is_kept() {
    let known = load("cosignature.json");
    let note = SignedNote::parse(text(&known, "ignored")).unwrap();
    assert_eq!(note.to_text(), text(&known, "ignored"));
    assert_eq!(note.signatures().len(), 3);
}
