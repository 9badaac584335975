//! A log directory on a real disk, read as a transparency log.

use std::path::Path;
use std::sync::Arc;

use counterfoil_anchor::Anchor;
use counterfoil_audit::tlog::TiledLog;
use counterfoil_audit::verify::{GivenHead, Reason, VerifyOptions, verify_path};
use counterfoil_audit::{AuditLog, ErrorKind, WhenFull};
use counterfoil_core::Head;
use counterfoil_merkle::leaf_hash;
use counterfoil_merkle::policy::Policy;
use counterfoil_merkle::proof::{verify_consistency, verify_inclusion};
use counterfoil_merkle::tile::{BundleId, TileId, parse_bundle};
use counterfoil_signer::{Ed25519Signer, Keyring, Signer as _};

use crate::log_support::{BASE, LONG, bytes_on_disk, context, expired, records};

fn signer(chain: &str) -> Ed25519Signer {
    Ed25519Signer::from_seed(chain, &[7; 32]).unwrap()
}

/// A signed log of several segments. The heads at which it was anchored.
fn write(dir: &Path, counts: &[u64]) -> Vec<Head> {
    let log = AuditLog::builder(dir, BASE)
        .signer(|chain| Ok(Arc::new(signer(chain.as_str()))))
        .segment_bytes(50_000)
        .when_full(WhenFull::Block(LONG))
        .open()
        .unwrap();
    let heads = counts
        .iter()
        .map(|count| {
            for lease in 0..*count {
                let _ = log.append_event(&expired(lease), &context());
            }
            log.anchor_now(LONG).unwrap()
        })
        .collect();
    assert!(log.close(LONG).finished);
    heads
}

#[test]
fn every_record_is_proved_and_its_receipt_verifies_with_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let head = write(dir.path(), &[600]).pop().unwrap();
    let tiled = TiledLog::open(dir.path()).unwrap();
    let key = signer(head.chain.as_str()).verifier_key().unwrap().clone();
    let policy = Policy::parse(format!("log {key}\nquorum none\n").as_bytes()).unwrap();
    let keys = Keyring::of_policy(&policy).unwrap();
    let records = records(&bytes_on_disk(dir.path()));
    for record in &records {
        let proof = tiled.prove(record.seq()).unwrap();
        assert_eq!(proof.index(), record.seq() - 1);
        let judge = |text: &str, signature: &_| keys.judge(text, signature);
        proof.verify(&record.hash(), &policy, judge).unwrap();
        assert_eq!(tiled.line(record.seq()).unwrap(), record.line());
    }
    let beyond = tiled.prove(records.len() as u64 + 1).unwrap_err();
    assert_eq!(beyond.kind(), ErrorKind::Missing);
    assert!(beyond.to_string().contains("no checkpoint covers record"));
}

#[test]
fn the_trees_of_all_heads_are_proved_to_be_one_history() {
    let dir = tempfile::tempdir().unwrap();
    let heads = write(dir.path(), &[1, 200, 54, 300, 1]);
    let tiled = TiledLog::open(dir.path()).unwrap();
    for (at, old) in heads.iter().enumerate() {
        for new in &heads[at..] {
            let (old_root, root) = (old.root.unwrap(), new.root.unwrap());
            let proof = tiled
                .consistency((old.seq, &old_root), (new.seq, &root))
                .unwrap();
            verify_consistency(old.seq, &old_root, new.seq, &root, &proof).unwrap();
            let path = tiled.inclusion(old.seq, new.seq, &root).unwrap();
            verify_inclusion(&old.hash, old.seq - 1, new.seq, &path, &root).unwrap();
        }
    }
}

#[test]
fn no_proof_is_handed_out_that_does_not_hold() {
    let dir = tempfile::tempdir().unwrap();
    let head = write(dir.path(), &[600]).pop().unwrap();
    let root = head.root.unwrap();
    let tiled = TiledLog::open(dir.path()).unwrap();
    tiled.inclusion(7, head.seq, &root).unwrap();
    // A tile that was changed.
    let tile = dir.path().join("tile/0/000");
    let whole = std::fs::read(&tile).unwrap();
    let mut changed = whole.clone();
    changed[40] ^= 1;
    std::fs::write(&tile, &changed).unwrap();
    let error = tiled.inclusion(7, head.seq, &root).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    // One that is torn, and one that is gone.
    std::fs::write(&tile, &whole[..100]).unwrap();
    let error = tiled.inclusion(7, head.seq, &root).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    std::fs::remove_file(&tile).unwrap();
    let error = tiled.inclusion(7, head.seq, &root).unwrap_err();
    assert!(error.to_string().contains("tile/0/000"), "{error}");
    // A record that was changed together with its hash.
    std::fs::write(&tile, &whole).unwrap();
    let segment = dir.path().join("segments/00000000000000000001.jsonl");
    let text = std::fs::read_to_string(&segment).unwrap();
    let line = text.lines().nth(6).unwrap();
    let body = line[8..line.len() - 75].replacen("node-a", "node-b", 1);
    let hash = String::from_utf8(leaf_hash(body.as_bytes()).to_hex().to_vec()).unwrap();
    let forged = format!("{{\"body\":{body},\"hash\":\"{hash}\"}}");
    std::fs::write(&segment, text.replacen(line, &forged, 1)).unwrap();
    let error = tiled.prove(7).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    // One whose hash was not changed with it.
    let forged = line.replacen("node-a", "node-b", 1);
    std::fs::write(&segment, text.replacen(line, &forged, 1)).unwrap();
    let error = tiled.prove(7).unwrap_err();
    assert!(
        error.to_string().contains("does not have the hash"),
        "{error}"
    );
}

#[test]
fn bundles_hold_the_bodies_and_tiles_their_hashes_up_to_the_size_and_no_further() {
    let dir = tempfile::tempdir().unwrap();
    let head = write(dir.path(), &[600]).pop().unwrap();
    let tiled = TiledLog::open(dir.path()).unwrap();
    let size = head.seq;
    let bodies: Vec<Vec<u8>> = records(&bytes_on_disk(dir.path()))
        .iter()
        .map(|record| record.body().to_vec())
        .collect();
    for index in 0..=size / 256 {
        let id = BundleId::in_tree(index, size).unwrap();
        // Twice: the second time places are remembered. And a narrower one, of an older size.
        for id in [id, id, BundleId::new(index, 1 + id.width() / 2).unwrap()] {
            let bundle = tiled.bundle(id, size).unwrap().unwrap();
            let entries = parse_bundle(&bundle, id.width()).unwrap();
            let range = id.entries().start as usize..id.entries().end as usize;
            assert_eq!(entries, bodies[range.clone()]);
            let tile = TileId::new(0, index, id.width()).unwrap();
            let hashes: Vec<u8> = bodies[range]
                .iter()
                .flat_map(|body| *leaf_hash(body).as_bytes())
                .collect();
            assert_eq!(tiled.tile(tile, size).unwrap().unwrap(), hashes);
        }
    }
    let beyond = TileId::new(0, size / 256, 1 + (size % 256) as u16).unwrap();
    assert_eq!(tiled.tile(beyond, size).unwrap(), None);
    let beyond = BundleId::new(size / 256 + 1, 1).unwrap();
    assert_eq!(tiled.bundle(beyond, size).unwrap(), None);
}

#[test]
fn a_tile_up_to_the_head_that_contradicts_the_records_is_tampering_and_a_missing_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let head = write(dir.path(), &[70_000]).pop().unwrap();
    let mut options = VerifyOptions::new();
    options.head = Some(GivenHead::from(&Anchor::new(head.clone()).unwrap()));
    let reasons = || {
        let report = verify_path(dir.path(), &options);
        let seen = report.failures.iter();
        seen.map(|failure| (failure.reason, failure.position))
            .collect::<Vec<_>>()
    };
    assert_eq!(reasons(), []);
    let partial = |level: u8| {
        let index = head.seq >> (8 * (u32::from(level) + 1));
        TileId::in_tree(level, index, head.seq).unwrap().to_string()
    };
    let mut tiles = [
        ("tile/0/000".to_owned(), 1),
        ("tile/0/007".to_owned(), 7 * 256 + 1),
        ("tile/1/000".to_owned(), 1),
        (partial(0), head.seq / 256 * 256 + 1),
        (partial(1), 65_537),
        (partial(2), 1),
    ];
    for (change, (tile, _)) in tiles.iter().enumerate() {
        let path = dir.path().join(tile);
        let mut bytes = std::fs::read(&path).unwrap();
        match change % 2 {
            0 => bytes[17] ^= 4,
            _ => bytes.push(0),
        }
        std::fs::write(&path, bytes).unwrap();
    }
    let mut found = reasons();
    found.sort_by_key(|(_, position)| *position);
    tiles.sort_by_key(|(_, first)| *first);
    let expected = tiles.iter().map(|(_, first)| (Reason::Tile, Some(*first)));
    assert_eq!(found, expected.collect::<Vec<_>>());
    // As power loss leaves them: gone, cut, empty, a block that was not written.
    for (torn, (tile, _)) in tiles.iter().enumerate() {
        let path = dir.path().join(tile);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0..32].fill(0);
        match torn % 3 {
            0 => bytes.truncate(19),
            1 => bytes.truncate(0),
            _ => bytes.truncate(bytes.len() / 2),
        }
        std::fs::write(&path, bytes).unwrap();
    }
    assert_eq!(reasons(), []);
    for (tile, _) in &tiles {
        std::fs::remove_file(dir.path().join(tile)).unwrap();
    }
    // What is beyond the head may be torn.
    std::fs::write(dir.path().join("tile/0/900"), "torn").unwrap();
    assert_eq!(reasons(), []);
}
