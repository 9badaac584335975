//! Known answers of the projects whose formats these are.

use counterfoil_core::Digest;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::{SignedNote, VerifierKey};
use counterfoil_merkle::{CompactRange, leaf_hash, leaf_hashes, node_hash};
use counterfoil_testkit::vectors;
use serde_json::Value;

fn load(file: &str) -> Option<Value> {
    vectors::read(file).map(|text| serde_json::from_str(&text).unwrap())
}

fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    let list = value[member].as_array().unwrap();
    assert!(!list.is_empty(), "{member} is empty");
    list
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap()
}

fn digest(value: &Value) -> Digest {
    value.as_str().unwrap().parse().unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn the_leaves_nodes_and_roots_of_rfc_6962_come_out() {
    let Some(known) = load("rfc6962-known-answers.json") else {
        return;
    };
    let inputs: Vec<Vec<u8>> = list(&known, "leaf_inputs_hex")
        .iter()
        .map(|input| bytes(input.as_str().unwrap()))
        .collect();
    let expected: Vec<Digest> = list(&known, "leaf_hashes_hex").iter().map(digest).collect();
    let one_by_one: Vec<Digest> = inputs.iter().map(|input| leaf_hash(input)).collect();
    assert_eq!(one_by_one, expected);
    let slices: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    assert_eq!(leaf_hashes(&slices), expected);

    for (size, root) in list(&known, "root_by_size_hex").iter().enumerate() {
        let mut range = CompactRange::new();
        range.extend(&expected[..size]);
        assert_eq!(range.root(), digest(root), "size {size}");
    }
    assert_eq!(leaf_hash(b"L123456"), digest(&known["leaf_L123456"]));
    // The origin's node vector has children of four bytes, which no tree has: the definition by hand.
    let node = leaf_hash_with_prefix_one(b"N123N456");
    assert_eq!(node, digest(&known["node_N123_N456"]));
    let (left, right) = (&expected[0], &expected[1]);
    let children = [&left.as_bytes()[..], right.as_bytes()].concat();
    assert_eq!(node_hash(left, right), leaf_hash_with_prefix_one(&children));
}

fn leaf_hash_with_prefix_one(children: &[u8]) -> Digest {
    use sha2::Digest as _;
    let message = [&[1], children].concat();
    Digest::from_bytes(sha2::Sha256::digest(message).into())
}

#[test]
fn the_valid_notes_and_keys_of_c2sp_parse_and_are_written_back() {
    let Some(known) = load("c2sp-signed-note.json") else {
        return;
    };
    for vector in list(&known, "positive") {
        let note = SignedNote::parse(text(vector, "note")).unwrap();
        assert_eq!(note.to_text(), text(vector, "note"));
        let key: VerifierKey = text(vector, "vkey").parse().unwrap();
        assert_eq!(key.to_string(), text(vector, "vkey"));
        let signature = &note.signatures()[0];
        assert_eq!((signature.name(), signature.id()), (key.name(), key.id()));
    }
}

#[test]
fn the_malformed_notes_and_keys_of_c2sp_are_refused() {
    let Some(known) = load("c2sp-signed-note.json") else {
        return;
    };
    for vector in list(&known, "malformed_notes") {
        let note = SignedNote::parse(text(vector, "note"));
        assert!(note.is_err(), "{} was accepted", text(vector, "why"));
    }
    for key in list(&known, "bad_vkeys") {
        let key = key.as_str().unwrap();
        assert!(key.parse::<VerifierKey>().is_err(), "{key} was accepted");
    }
}

#[test]
fn the_checkpoints_of_c2sp_parse_and_are_written_back() {
    let Some(known) = load("c2sp-checkpoint.json") else {
        return;
    };
    for note in list(&known, "checkpoints") {
        let note = SignedNote::parse(note.as_str().unwrap()).unwrap();
        let checkpoint = Checkpoint::parse(note.text()).unwrap();
        assert_eq!(checkpoint.to_text(), note.text());
    }
    let body = &known["sumdb_tree_body"];
    let checkpoint = Checkpoint::parse(text(body, "text")).unwrap();
    assert_eq!(checkpoint.to_text(), text(body, "text"));
    assert_eq!(checkpoint.size(), body["size"].as_u64().unwrap());
    assert_eq!(
        checkpoint.root(),
        leaf_hash(text(body, "root_is_leaf_hash_of").as_bytes())
    );
    // One of them is bad only for the Go checksum database, which demands its own origin.
    let (of_another_origin, bad): (Vec<&str>, Vec<&str>) = list(body, "bad")
        .iter()
        .map(|bad| bad.as_str().unwrap())
        .partition(|bad| bad.starts_with("not-go.sum database tree\n"));
    assert_eq!((of_another_origin.len(), bad.len()), (1, 2));
    let other = Checkpoint::parse(of_another_origin[0]).unwrap();
    assert_eq!(other.origin(), "not-go.sum database tree");
    for bad in bad {
        assert!(Checkpoint::parse(bad).is_err(), "{bad:?} was accepted");
    }
}
