//! Tiles: their paths, what a growing log writes, and nodes read out of them.

use std::collections::BTreeMap;

use counterfoil_core::Digest;
use counterfoil_merkle::proof::{NodeId, ProofPlan, complete_subtrees};
use counterfoil_merkle::tile::{
    BundleId, MAX_ENTRY_LEN, Resource, TILE_LEN, TileBuilder, TileId, TileReader, parse_bundle,
    push_entry,
};
use counterfoil_merkle::{CompactRange, Error};
use proptest::prelude::*;

use crate::definition::{self, leaves, tree_hash};

/// MTH(D[(n·256 + i)·256^l : (n·256 + i + 1)·256^l]) for each hash of the tile, as the specification defines it.
fn tile_of(leaves: &[Digest], id: TileId) -> Vec<u8> {
    let span = 256_usize.pow(id.level().into());
    (0..usize::from(id.width()))
        .flat_map(|i| {
            let at = (id.index() as usize * 256 + i) * span;
            *tree_hash(&leaves[at..at + span]).as_bytes()
        })
        .collect()
}

/// A log that grows: what the builder hands over goes into `written`, as onto a disk.
struct Log {
    builder: TileBuilder,
    written: BTreeMap<TileId, Vec<u8>>,
    heads: u64,
}

impl Log {
    fn new() -> Self {
        Self {
            builder: TileBuilder::new(),
            written: BTreeMap::new(),
            heads: 0,
        }
    }

    /// Appends, and writes what a head of the new size needs; returns what was written.
    fn grow(&mut self, leaves: &[Digest]) -> Vec<TileId> {
        let mut changed = Vec::new();
        self.builder
            .extend(leaves, |id, bytes| {
                changed.push((id, bytes.to_vec()));
                Ok::<_, Error>(())
            })
            .unwrap();
        changed.extend(
            self.builder
                .partial(self.heads)
                .map(|(id, bytes)| (id, bytes.to_vec())),
        );
        self.heads = self.builder.size();
        let ids = changed.iter().map(|(id, _)| *id).collect();
        self.written.extend(changed);
        ids
    }
}

#[test]
fn a_growing_log_writes_exactly_the_tiles_of_the_definition() {
    let all = leaves(70_000);
    let mut log = Log::new();
    for size in [
        0, 1, 2, 255, 256, 257, 300, 511, 512, 1_000, 65_535, 65_536, 65_537, 66_000, 70_000,
    ] {
        let old = log.builder.size();
        let mut changed = log.grow(&all[old as usize..size]);
        let mut growth: Vec<TileId> = TileId::growth(old, size as u64).collect();
        changed.sort();
        growth.sort();
        assert_eq!(changed, growth, "{old} to {size}");
    }
    for (id, bytes) in &log.written {
        assert_eq!(bytes.len(), id.byte_len());
        if id.level() > 0 || id.index() % 61 == 0 {
            assert_eq!(*bytes, tile_of(&all, *id), "{id}");
        }
    }
    let of_size: Vec<TileId> = TileId::growth(0, 70_000).collect();
    assert_eq!(of_size.len(), 273 + 1 + 1 + 1 + 1);
    assert!(of_size.iter().all(|id| log.written.contains_key(id)));
}

#[test]
fn a_log_that_is_resumed_at_any_size_goes_on_with_the_same_tiles() {
    let all = leaves(1_400);
    for size in [0, 1, 255, 256, 257, 700, 1_024] {
        let mut log = Log::new();
        log.grow(&all[..size]);
        let resumed =
            TileBuilder::resume(size as u64, |id| Ok::<_, Error>(log.written[&id].clone()));
        log.builder = resumed.unwrap();
        log.grow(&all[size..]);
        let mut straight = Log::new();
        straight.grow(&all);
        for (id, bytes) in straight.written {
            assert_eq!(log.written.get(&id), Some(&bytes), "{id} resumed at {size}");
        }
    }
}

#[test]
fn a_tile_of_another_length_is_not_resumed_from() {
    for len in [0, 32, 95, 97, 128] {
        let resumed = TileBuilder::resume(3, |_| Ok::<_, Error>(vec![0; len]));
        let message = resumed.unwrap_err().to_string();
        assert!(message.contains("tile/0/000.p/3 has"), "{message}");
    }
}

#[test]
fn every_complete_subtree_is_read_out_of_tiles() {
    let all = leaves(66_100);
    let mut log = Log::new();
    log.grow(&all);
    let size = all.len() as u64;
    let mut reader = TileReader::new(size, |id| Ok::<_, Error>(log.written[&id].clone()));
    for level in 0..=16 {
        let count = size >> level;
        for index in [0, 1, 2, 127, 128, 255, 256, count / 2, count - 1] {
            if index < count {
                let id = NodeId::new(level, index).unwrap();
                assert_eq!(reader.node(id).unwrap(), definition::node(&all, id), "{id}");
            }
        }
    }
    let beyond = NodeId::new(0, size).unwrap();
    let message = reader.node(beyond).unwrap_err().to_string();
    assert!(message.contains("not in a tree of 66100"), "{message}");
    let incomplete = NodeId::new(5, size >> 5).unwrap();
    assert!(reader.node(incomplete).is_err());
    assert!(reader.node(NodeId::new(63, 1).unwrap()).is_err());
}

#[test]
fn proofs_out_of_tiles_are_those_of_the_definition_at_every_published_size() {
    let all = leaves(1_300);
    let mut log = Log::new();
    for size in [1, 3, 255, 256, 258, 512, 700, 1_300] {
        log.grow(&all[log.builder.size() as usize..size]);
        let tree = &all[..size];
        let mut reads = 0;
        for index in [0, size / 3, size / 2, size - 1] {
            let mut reader = TileReader::new(size as u64, |id| {
                reads += 1;
                Ok::<_, Error>(log.written[&id].clone())
            });
            let proof = ProofPlan::inclusion(index as u64, size as u64)
                .unwrap()
                .prove(|id| reader.node(id));
            assert_eq!(proof.unwrap(), definition::path(index, tree));
            if index > 0 {
                let proof = ProofPlan::consistency(index as u64, size as u64)
                    .unwrap()
                    .prove(|id| reader.node(id));
                assert_eq!(proof.unwrap(), definition::consistency(index, tree));
            }
        }
        // Four proofs of each kind, at most two tiles for each of at most two levels.
        assert!(reads <= 4 * 2 * 4, "{reads} reads at size {size}");
    }
}

#[test]
fn the_full_tile_serves_where_a_partial_one_is_gone() {
    let all = leaves(600);
    let mut log = Log::new();
    log.grow(&all);
    let only_full = |id: TileId| match log.written.get(&id.full()) {
        Some(bytes) => Ok(bytes.clone()),
        None => Ok::<_, Error>(tile_of(&all, id)),
    };
    let mut reader = TileReader::new(300, only_full);
    let tree = CompactRange::restore(300, |id| reader.node(id)).unwrap();
    assert_eq!(tree.root(), tree_hash(&all[..300]));
}

#[test]
fn a_tile_that_is_too_short_too_long_or_ragged_is_refused() {
    for len in [0, 31, 63, 65, TILE_LEN + 32] {
        let mut reader = TileReader::new(2, |_| Ok::<_, Error>(vec![0; len]));
        let node = complete_subtrees(2).next().unwrap();
        let message = reader.node(node).unwrap_err().to_string();
        assert!(message.contains("tile/0/000.p/2"), "{len}: {message}");
    }
}

#[test]
fn a_path_has_one_spelling_and_every_other_is_refused() {
    for path in [
        "tile/0/000",
        "tile/0/000.p/1",
        "tile/63/x001/x234/067.p/255",
        "tile/0/x018/x446/x744/x073/x709/x551/615",
        "tile/entries/999",
        "tile/entries/x001/000.p/8",
        "checkpoint",
    ] {
        let resource: Resource = path.parse().unwrap();
        assert_eq!(resource.to_string(), path);
    }
    for path in [
        "",
        "/checkpoint",
        "checkpoint/",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/00a",
        "tile/0/+00",
        "tile/0/x000/001",
        "tile/0/x000/x001/001",
        "tile/0/x001",
        "tile/0/001/002",
        "tile/0/X001/002",
        "tile/0/xx01/002",
        "tile/0/x001//002",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/-1/000",
        "tile//000",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/65537",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/entries/",
        "tile/entries/x018/x446/x744/x073/x709/x551/615",
        "tile/entries/000.p/256",
        "tile/data/000",
        "tile/0/..",
        "tile/0/../../etc/passwd",
        "tile/0/000\0",
        "tile/0/٠٠٠",
    ] {
        let refused = path.parse::<Resource>();
        assert!(refused.is_err(), "{path:?} was read as {refused:?}");
    }
}

#[test]
fn a_bundle_holds_exactly_its_entries() {
    let longest = vec![7; MAX_ENTRY_LEN];
    let entries: [&[u8]; 4] = [b"", b"one", &longest, b"\0\0"];
    let mut bundle = Vec::new();
    for entry in entries {
        push_entry(&mut bundle, entry).unwrap();
    }
    assert_eq!(bundle[..7], [0, 0, 0, 3, b'o', b'n', b'e']);
    assert_eq!(parse_bundle(&bundle, 4).unwrap(), entries);
    let message = parse_bundle(&bundle, 3).unwrap_err().to_string();
    assert!(message.contains("4 bytes stand behind"), "{message}");
    let message = parse_bundle(&bundle, 5).unwrap_err().to_string();
    assert!(message.contains("inside entry 4 of 5"), "{message}");
    assert!(parse_bundle(&bundle[..bundle.len() - 1], 4).is_err());
    assert!(parse_bundle(&[0], 1).is_err());
    assert!(parse_bundle(&[], 257).is_err());
    assert_eq!(parse_bundle(&[], 0).unwrap().len(), 0);

    let before = bundle.clone();
    let too_long = push_entry(&mut bundle, &vec![0; MAX_ENTRY_LEN + 1]);
    assert!(too_long.unwrap_err().to_string().contains("65536 bytes"));
    assert_eq!(bundle, before);
}

#[test]
fn a_bundle_names_its_entries() {
    let last = BundleId::in_tree(273, 70_000).unwrap();
    assert_eq!(last.entries(), 69_888..70_000);
    assert_eq!(last.full().entries(), 69_888..70_144);
    assert_eq!(BundleId::in_tree(274, 70_000), None);
    assert_eq!(BundleId::in_tree(273, 69_888), None);
    assert!(BundleId::new(u64::MAX / 256, 1).is_err());
    let very_last = BundleId::in_tree(u64::MAX / 256, u64::MAX).unwrap();
    assert_eq!(very_last.entries().end, u64::MAX);
    assert_eq!(very_last.full().entries().end, u64::MAX);
    assert!(TileId::new(0, 0, 0).is_err());
    assert!(TileId::new(0, 0, 257).is_err());
}

proptest! {
    #[test]
    fn growth_in_any_steps_writes_what_one_step_does(steps in prop::collection::vec(0_usize..900, 1..6)) {
        let all = leaves(steps.iter().sum());
        let (mut in_steps, mut at_once) = (Log::new(), Log::new());
        let mut rest = &all[..];
        for step in steps {
            let (now, later) = rest.split_at(step);
            in_steps.grow(now);
            rest = later;
        }
        at_once.grow(&all);
        prop_assert_eq!(&in_steps.builder, &at_once.builder);
        for (id, bytes) in &at_once.written {
            prop_assert_eq!(in_steps.written.get(id), Some(bytes));
        }
        for (id, bytes) in &in_steps.written {
            prop_assert_eq!(bytes, &tile_of(&all, *id));
        }
    }

    #[test]
    fn every_path_reads_back(level in 0_u8..64, index: u64, width in 1_u16..=256, entries: bool) {
        let resource = if entries {
            Resource::Entries(BundleId::new(index >> 8, width).unwrap())
        } else {
            Resource::Tile(TileId::new(level, index, width).unwrap())
        };
        prop_assert_eq!(resource.to_string().parse::<Resource>().unwrap(), resource);
    }

    #[test]
    fn whatever_path_parses_is_written_back(path in "(tile/)?(entries|[0-9]{1,2})/(x[0-9]{3}/){0,3}[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(resource) = path.parse::<Resource>() {
            prop_assert_eq!(resource.to_string(), path);
        }
    }

    #[test]
    fn a_bundle_parses_into_the_entries_that_went_in(
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70), 0..256)
    ) {
        let mut bundle = Vec::new();
        for entry in &entries {
            push_entry(&mut bundle, entry).unwrap();
        }
        prop_assert_eq!(parse_bundle(&bundle, entries.len() as u16).unwrap(), entries);
    }
}
