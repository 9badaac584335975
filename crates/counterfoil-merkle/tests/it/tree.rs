//! The compact range against the recursive definition of RFC 6962 §2.1.

use counterfoil_core::Digest;
use counterfoil_merkle::{CompactRange, leaf_hash, leaf_hashes};
use proptest::prelude::*;

use crate::definition::{leaves, tree_hash};

#[test]
fn every_size_up_to_six_hundred_has_the_root_of_the_definition() {
    let all = leaves(600);
    let mut range = CompactRange::new();
    for (size, leaf) in all.iter().enumerate() {
        assert_eq!(range.root(), tree_hash(&all[..size]), "size {size}");
        assert_eq!(range.hashes().len(), size.count_ones() as usize);
        range.append(*leaf);
    }
}

proptest! {
    #[test]
    fn leaves_that_come_in_groups_of_any_size_give_the_root_of_the_definition(
        groups in proptest::collection::vec((0_usize..700, any::<bool>()), 0..6)
    ) {
        let all = leaves(groups.iter().map(|(count, _)| count).sum());
        let mut range = CompactRange::new();
        let mut rest = &all[..];
        for (count, one_by_one) in groups {
            let (group, behind) = rest.split_at(count);
            rest = behind;
            if one_by_one {
                group.iter().for_each(|leaf| range.append(*leaf));
            } else {
                range.extend(group);
            }
        }
        prop_assert_eq!(range.size(), all.len() as u64);
        prop_assert_eq!(range.root(), tree_hash(&all));
    }

    #[test]
    fn many_records_hashed_at_once_equal_one_by_one(
        records in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..900), 0..150)
    ) {
        let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let one_by_one: Vec<Digest> = records.iter().map(|record| leaf_hash(record)).collect();
        prop_assert_eq!(leaf_hashes(&slices), one_by_one);
    }
}
