//! Known answers of the projects whose formats these are.

use std::convert::Infallible;

use counterfoil_core::Digest;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::cosignature::Cosignature;
use counterfoil_merkle::note::{SignedNote, VerifierKey};
use counterfoil_merkle::proof::{ProofPlan, verify_consistency, verify_inclusion};
use counterfoil_merkle::tile::{BundleId, Resource, TileId};
use counterfoil_merkle::{CompactRange, leaf_hash, leaf_hashes, node_hash};
use counterfoil_testkit::vectors;
use serde_json::Value;

use crate::definition;

fn load(file: &str) -> Option<Value> {
    vectors::read(file).map(|text| serde_json::from_str(&text).unwrap())
}

pub(crate) fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    let list = value[member].as_array().unwrap();
    assert!(!list.is_empty(), "{member} is empty");
    list
}

pub(crate) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap()
}

pub(crate) fn digest(value: &Value) -> Digest {
    value.as_str().unwrap().parse().unwrap()
}

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
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
    let mut times = Vec::new();
    for note in list(&known, "checkpoints") {
        let note = SignedNote::parse(note.as_str().unwrap()).unwrap();
        let checkpoint = Checkpoint::parse(note.text()).unwrap();
        assert_eq!(checkpoint.to_text(), note.text());
        let others = note.signatures().iter();
        let cosigners = others.filter(|signature| signature.name() != checkpoint.origin());
        times.extend(
            cosigners.filter_map(|line| Some(Cosignature::from_bytes(line.bytes()).ok()?.time())),
        );
    }
    // The time of the example in the specification of cosignatures.
    assert!(times.contains(&1_679_315_147), "{times:?}");
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

/// A base64 member that is 32 bytes; the vectors have some that are not, on purpose.
fn base64_digest(value: &Value) -> Option<Digest> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(value.as_str()?)
        .unwrap();
    Some(Digest::from_bytes(bytes.try_into().ok()?))
}

/// Calls `probe` with each file below a folder of transparency-dev/merkle; how many there were.
fn each_probe(folder: &str, mut probe: impl FnMut(&Value)) -> usize {
    let Some(vectors) = vectors::folder() else {
        return 0;
    };
    let mut folders = vec![
        vectors
            .join("merkle-transparency-dev/testdata")
            .join(folder),
    ];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = std::fs::read_to_string(path).unwrap();
                probe(&serde_json::from_str(&text).unwrap());
                count += 1;
            }
        }
    }
    count
}

fn base64_proof(probe: &Value) -> Option<Vec<Digest>> {
    match &probe["proof"] {
        Value::Null => Some(Vec::new()),
        proof => proof
            .as_array()
            .unwrap()
            .iter()
            .map(base64_digest)
            .collect(),
    }
}

#[test]
fn every_inclusion_probe_of_transparency_dev_is_judged_as_there() {
    let count = each_probe("inclusion", |probe| {
        // What is not 32 bytes long cannot even be asked about.
        let held = || {
            let index = probe["leafIdx"].as_u64().unwrap();
            let size = probe["treeSize"].as_u64().unwrap();
            let (leaf, root) = (
                base64_digest(&probe["leafHash"])?,
                base64_digest(&probe["root"])?,
            );
            verify_inclusion(&leaf, index, size, &base64_proof(probe)?, &root).ok()
        };
        let refused = probe["wantErr"].as_bool().unwrap();
        assert_eq!(held().is_none(), refused, "{probe}");
    });
    assert!(count == 98 || vectors::folder().is_none(), "{count} probes");
}

/// The origin accepts roots of any length where it only compares them; here a root that is none becomes another hash.
fn any_root(value: &Value) -> Digest {
    base64_digest(value).unwrap_or_else(|| leaf_hash(value.as_str().unwrap().as_bytes()))
}

#[test]
fn every_consistency_probe_of_transparency_dev_but_one_is_judged_as_there() {
    let mut others = Vec::new();
    let count = each_probe("consistency", |probe| {
        let held = || {
            let old = probe["size1"].as_u64().unwrap();
            let size = probe["size2"].as_u64().unwrap();
            let (old_root, root) = (any_root(&probe["root1"]), any_root(&probe["root2"]));
            verify_consistency(old, &old_root, size, &root, &base64_proof(probe)?).ok()
        };
        if held().is_none() != probe["wantErr"].as_bool().unwrap() {
            others.push(text(probe, "desc").to_owned());
        }
    });
    if vectors::folder().is_some() {
        assert_eq!(count, 98);
        // The empty tree is consistent with every tree, as RFC 9162 and the witness protocol have it; the origin refuses old
        // size 0 because it finds it useless. Its other probes with old size 0 have no empty root or a proof.
        assert_eq!(others, ["size1 is zero and size2 is not zero"]);
    }
}

#[test]
fn the_proofs_of_rfc_6962_are_made_and_hold() {
    let Some(known) = load("rfc6962-known-answers.json") else {
        return;
    };
    let leaves: Vec<Digest> = list(&known, "leaf_hashes_hex").iter().map(digest).collect();
    let roots: Vec<Digest> = list(&known, "root_by_size_hex")
        .iter()
        .map(digest)
        .collect();
    let node = |id| Ok::<_, Infallible>(definition::node(&leaves, id));
    for vector in list(&known, "inclusion") {
        let (index, size) = (
            vector["index"].as_u64().unwrap(),
            vector["size"].as_u64().unwrap(),
        );
        let proof = ProofPlan::inclusion(index, size)
            .unwrap()
            .prove(node)
            .unwrap();
        let expected: Vec<Digest> = vector["proof"]
            .as_array()
            .unwrap()
            .iter()
            .map(digest)
            .collect();
        assert_eq!(proof, expected, "{vector}");
        let (leaf, root) = (&leaves[index as usize], &roots[size as usize]);
        assert_eq!(verify_inclusion(leaf, index, size, &proof, root), Ok(()));
    }
    for vector in list(&known, "consistency") {
        let (old, size) = (
            vector["size1"].as_u64().unwrap(),
            vector["size2"].as_u64().unwrap(),
        );
        let proof = ProofPlan::consistency(old, size)
            .unwrap()
            .prove(node)
            .unwrap();
        let expected: Vec<Digest> = vector["proof"]
            .as_array()
            .unwrap()
            .iter()
            .map(digest)
            .collect();
        assert_eq!(proof, expected, "{vector}");
        let (old_root, root) = (&roots[old as usize], &roots[size as usize]);
        assert_eq!(
            verify_consistency(old, old_root, size, root, &proof),
            Ok(())
        );
    }
}

#[test]
fn the_tile_paths_and_layouts_of_c2sp_come_out() {
    let Some(known) = load("c2sp-tile-paths.json") else {
        return;
    };
    let width = |vector: &Value| match vector["partial"].as_u64().unwrap() {
        0 => 256,
        partial => partial as u16,
    };
    for vector in list(&known, "tile") {
        let level = vector["level"].as_u64().unwrap() as u8;
        let id = TileId::new(level, vector["index"].as_u64().unwrap(), width(vector)).unwrap();
        assert_eq!(id.to_string(), text(vector, "path"));
        assert_eq!(
            text(vector, "path").parse::<Resource>().unwrap(),
            Resource::Tile(id)
        );
    }
    for vector in list(&known, "entries") {
        let id = BundleId::new(vector["index"].as_u64().unwrap(), width(vector)).unwrap();
        assert_eq!(id.to_string(), text(vector, "path"));
        assert_eq!(
            text(vector, "path").parse::<Resource>().unwrap(),
            Resource::Entries(id)
        );
    }
    for (size, levels) in known["layout"].as_object().unwrap() {
        let tiles: Vec<TileId> = TileId::growth(0, size.parse().unwrap()).collect();
        let levels = levels.as_array().unwrap();
        for level in levels {
            let number = level["level"].as_u64().unwrap();
            let at_level = tiles.iter().filter(|id| u64::from(id.level()) == number);
            let (full, partial): (Vec<TileId>, Vec<TileId>) = at_level.partition(|id| id.is_full());
            assert_eq!(
                full.len() as u64,
                level["full_tiles"].as_u64().unwrap(),
                "{size}"
            );
            let width: u64 = partial.iter().map(|id| u64::from(id.width())).sum();
            assert_eq!(width, level["partial_width"].as_u64().unwrap(), "{size}");
        }
        assert!(
            tiles
                .iter()
                .all(|id| usize::from(id.level()) < levels.len()),
            "{size}"
        );
    }
}
