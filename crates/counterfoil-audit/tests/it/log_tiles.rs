//! The hash tiles that a log leaves beside its segments, and that no head is visible before its tiles are.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_anchor::{AnchorStore, MemoryAnchorStore};
use counterfoil_audit::{AuditLog, AuditLogBuilder, FileSystem as _};
use counterfoil_core::{ChainId, Digest, Head};
use counterfoil_merkle::CompactRange;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::SignedNote;
use counterfoil_signer::Ed25519Signer;
use counterfoil_testkit::block_on;
use counterfoil_testkit::files::Faults;

use crate::log_support::{BASE, LONG, Machine, context, expired, records};

const TILE: u64 = 256;
const SHORT: Duration = Duration::from_millis(50);

/// Anchors when told to, and signs what it anchors.
fn builder(machine: &mut Machine) -> AuditLogBuilder {
    machine
        .builder()
        .segment_bytes(40_000)
        .anchor_records(1 << 40)
        .signer(|chain| {
            Ok(Arc::new(Ed25519Signer::from_seed(
                chain.as_str(),
                &[7; 32],
            )?))
        })
}

fn append(log: &AuditLog, count: u64) {
    for lease in 0..count {
        let _ = log.append_event(&expired(lease), &context());
    }
}

/// The hashes of the records, in order.
fn leaves(machine: &Machine) -> Vec<Digest> {
    let records = records(&machine.files.log_bytes(&machine.dir));
    records.iter().map(|record| record.hash()).collect()
}

fn tile_path(level: u32, index: u64, width: u64) -> String {
    // No test has as many as a thousand tiles.
    assert!(index < 1_000);
    match width {
        TILE => format!("tile/{level}/{index:03}"),
        width => format!("tile/{level}/{index:03}.p/{width}"),
    }
}

/// What a tile has to hold, computed without tiles.
fn tile_bytes(leaves: &[Digest], level: u32, index: u64, width: u64) -> Vec<u8> {
    let span = TILE.pow(level);
    let hash = |at: u64| {
        let first = (index * TILE + at) * span;
        let mut tree = CompactRange::new();
        tree.extend(&leaves[first as usize..(first + span) as usize]);
        *tree.root().as_bytes()
    };
    (0..width).flat_map(hash).collect()
}

/// All tiles of a tree of `size` leaves: level, index and width.
fn tiles(size: u64) -> Vec<(u32, u64, u64)> {
    let mut tiles = Vec::new();
    let mut hashes = size;
    for level in 0.. {
        if hashes == 0 {
            break;
        }
        tiles.extend((0..hashes / TILE).map(|index| (level, index, TILE)));
        if !hashes.is_multiple_of(TILE) {
            tiles.push((level, hashes / TILE, hashes % TILE));
        }
        hashes /= TILE;
    }
    tiles
}

/// The tiles of that size that are missing or wrong. A full one may stand for a partial one.
fn wrong_tiles(machine: &Machine, leaves: &[Digest], size: u64) -> Vec<String> {
    let read = |path: &str| machine.files.read(&machine.dir.join(path)).ok();
    tiles(size)
        .into_iter()
        .filter(|(level, index, width)| {
            let expected = tile_bytes(leaves, *level, *index, *width);
            let found = read(&tile_path(*level, *index, *width))
                .or_else(|| read(&tile_path(*level, *index, TILE)));
            !found.is_some_and(|found| found.starts_with(&expected))
        })
        .map(|(level, index, width)| tile_path(level, index, width))
        .collect()
}

fn none() -> Vec<String> {
    Vec::new()
}

fn published(machine: &Machine) -> Option<Checkpoint> {
    let text = machine.files.read(&machine.dir.join("checkpoint")).ok()?;
    let note = SignedNote::parse(std::str::from_utf8(&text).unwrap()).unwrap();
    Some(Checkpoint::parse(note.text()).unwrap())
}

/// The head that the store keeps, if it is signed.
fn anchored(machine: &Machine) -> Option<Head> {
    let chain = ChainId::first(BASE).unwrap();
    let anchor = block_on(machine.anchors.load(&chain)).unwrap()?;
    anchor.checkpoint()?;
    Some(anchor.head().clone())
}

#[test]
fn every_tile_of_every_published_size_is_there_and_holds_the_hashes_of_the_tree() {
    let mut machine = Machine::new();
    let log = builder(&mut machine).open().unwrap();
    for count in [1, 250, 3, 700, 0, 1] {
        append(&log, count);
        let head = log.anchor_now(LONG).unwrap();
        assert_eq!(published(&machine).unwrap().size(), head.seq);
        assert_eq!(wrong_tiles(&machine, &leaves(&machine), head.seq), none());
    }
    append(&log, 3);
    log.append_event(&expired(1), &context())
        .wait_durable(LONG)
        .unwrap();
    let figures = log.figures();
    assert_eq!(figures.unanchored(), 4);
    assert!(figures.tiles_written >= tiles(figures.anchored_seq).len() as u64);
    assert!(log.close(LONG).finished);
    let size = published(&machine).unwrap().size();
    assert_eq!(size, leaves(&machine).len() as u64);
    assert_eq!(wrong_tiles(&machine, &leaves(&machine), size), none());
}

#[test]
fn partial_tiles_stay_until_the_full_one_is_published_and_go_then() {
    let mut machine = Machine::new();
    let log = builder(&mut machine).open().unwrap();
    let widths = |machine: &Machine| {
        machine
            .files
            .list(&machine.dir.join("tile/0/000.p"))
            .unwrap()
    };
    append(&log, 5);
    let first = log.anchor_now(LONG).unwrap().seq;
    append(&log, 5);
    let second = log.anchor_now(LONG).unwrap().seq;
    assert_eq!(widths(&machine).len(), 2, "{first} and {second}");
    append(&log, TILE);
    log.anchor_now(LONG).unwrap();
    assert!(log.close(LONG).finished);
    assert_eq!(widths(&machine), none());
    let names = machine.files.list(&machine.dir.join("tile/0")).unwrap();
    assert_eq!(names, ["000", "001.p"]);
}

#[test]
fn a_log_whose_tiles_are_missing_torn_or_wrong_writes_them_again_when_it_is_opened() {
    let mut machine = Machine::new();
    let log = builder(&mut machine).open().unwrap();
    append(&log, 3 * TILE);
    assert!(log.close(LONG).finished);
    type Damage<'a> = &'a dyn Fn(&Machine, &Path);
    let damages: [Damage<'_>; 3] = [
        &|machine, tile| machine.files.delete(tile),
        &|machine, tile| machine.files.tamper(tile, |bytes| bytes.truncate(100)),
        &|machine, tile| machine.files.tamper(tile, |bytes| bytes[40] ^= 1),
    ];
    for damage in damages {
        let hurt = machine.dir.join("tile/0/001");
        damage(&machine, &hurt);
        assert_eq!(wrong_tiles(&machine, &leaves(&machine), 3 * TILE).len(), 1);
        let log = builder(&mut machine).open().unwrap();
        let size = log.anchor_now(LONG).unwrap().seq;
        assert_eq!(wrong_tiles(&machine, &leaves(&machine), size), none());
        assert!(log.close(LONG).finished);
    }
}

/// Deletes every file in a directory and those below it.
fn delete_files(machine: &Machine, dir: &Path) {
    for name in machine.files.list(dir).unwrap_or_default() {
        let path = dir.join(name);
        if machine.files.read(&path).is_ok() {
            machine.files.delete(&path);
        } else {
            delete_files(machine, &path);
        }
    }
}

#[test]
fn a_log_without_tiles_gets_them_all_at_its_next_head() {
    let mut machine = Machine::new();
    let log = builder(&mut machine).open().unwrap();
    append(&log, 2 * TILE + 9);
    assert!(log.close(LONG).finished);
    delete_files(&machine, &machine.dir.join("tile"));
    let log = builder(&mut machine).open().unwrap();
    assert!(log.close(LONG).finished);
    let size = published(&machine).unwrap().size();
    assert_eq!(wrong_tiles(&machine, &leaves(&machine), size), none());
}

/// Heads below, at and above the end of a tile.
fn life(machine: &mut Machine) {
    let Ok(log) = builder(machine).open() else {
        return;
    };
    for count in [3, TILE - 20, 40] {
        append(&log, count);
        // On a machine that is gone no anchor comes, however long it is waited for.
        while log.anchor_now(SHORT).is_err() {
            if log.figures().alarm.is_some() {
                return;
            }
        }
    }
    log.close(LONG);
}

#[test]
fn at_every_operation_a_kill_leaves_the_tiles_of_each_head_and_a_log_that_completes_them() {
    let operations = {
        let mut machine = Machine::new();
        life(&mut machine);
        machine.files.operations()
    };
    let mut heads = std::collections::BTreeSet::new();
    for last in 0..operations {
        let mut machine = Machine::new();
        machine.files.set(Faults {
            dies_at: Some(last),
            ..Faults::default()
        });
        life(&mut machine);
        let killed = machine.after_kill();
        let all = leaves(&killed);
        let visible = [
            anchored(&killed).map(|head| head.seq),
            published(&killed).map(|head| head.size()),
        ];
        for size in visible.into_iter().flatten() {
            let wrong = wrong_tiles(&killed, &all, size);
            assert_eq!(wrong, none(), "after operation {last}, at size {size}");
            heads.insert(size);
        }
        // Tiles are not synced, so power loss may take them; the next opening writes them again.
        for mut again in [machine.after_power_failure(), killed] {
            let log = builder(&mut again).open().unwrap();
            append(&log, 5);
            assert!(log.close(LONG).finished, "after operation {last}");
            let size = published(&again).unwrap().size();
            let wrong = wrong_tiles(&again, &leaves(&again), size);
            assert_eq!(wrong, none(), "opened again after operation {last}");
        }
    }
    // On a busy machine the log anchors once more by itself.
    assert!(heads.len() >= 4, "the life had fewer heads: {heads:?}");
}

#[test]
fn a_checkpoint_that_could_not_be_published_is_published_without_another_head() {
    let dir = tempfile::tempdir().unwrap();
    let signer =
        |chain: &ChainId| Ok(Arc::new(Ed25519Signer::from_seed(chain.as_str(), &[7; 32])?) as _);
    let log = AuditLog::builder(dir.path(), BASE)
        .anchor_store(Arc::new(MemoryAnchorStore::new()))
        .anchor_records(1 << 40)
        .signer(signer)
        .open()
        .unwrap();
    append(&log, 3);
    // Nothing can be put in the checkpoint's place.
    let new = dir.path().join("checkpoint.new");
    std::fs::create_dir(&new).unwrap();
    assert!(log.anchor_now(SHORT).is_err());
    std::fs::remove_dir(&new).unwrap();
    let head = log.anchor_now(LONG).unwrap();
    let note = std::fs::read_to_string(dir.path().join("checkpoint")).unwrap();
    let note = SignedNote::parse(&note).unwrap();
    assert_eq!(Checkpoint::parse(note.text()).unwrap().size(), head.seq);
    assert!(log.close(LONG).finished);
}
