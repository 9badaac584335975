//! Proofs against the definitions of the RFCs, and everything that is not one refused.

use std::convert::Infallible;

use counterfoil_core::Digest;
use counterfoil_merkle::proof::{
    NodeId, ProofPlan, ProofRejected, complete_subtrees, verify_consistency, verify_inclusion,
};
use counterfoil_merkle::{CompactRange, EMPTY_ROOT};
use proptest::prelude::*;

use crate::definition::{self, Levels, leaves, tree_hash};

fn inclusion(index: usize, size: usize, tree: &Levels) -> Vec<Digest> {
    let plan = ProofPlan::inclusion(index as u64, size as u64).unwrap();
    plan.prove(|id| tree.node(id)).unwrap()
}

fn consistency(old: usize, size: usize, tree: &Levels) -> Vec<Digest> {
    let plan = ProofPlan::consistency(old as u64, size as u64).unwrap();
    plan.prove(|id| tree.node(id)).unwrap()
}

/// The root at each size.
fn roots(leaves: &[Digest]) -> Vec<Digest> {
    let mut tree = CompactRange::new();
    let behind = leaves.iter().map(|leaf| {
        tree.append(*leaf);
        tree.root()
    });
    std::iter::once(EMPTY_ROOT).chain(behind).collect()
}

#[test]
fn every_inclusion_proof_up_to_three_hundred_leaves_holds() {
    let all = leaves(300);
    let (tree, roots) = (Levels::of(&all), roots(&all));
    for size in 1..=all.len() {
        for (index, leaf) in all[..size].iter().enumerate() {
            let proof = inclusion(index, size, &tree);
            let held = verify_inclusion(leaf, index as u64, size as u64, &proof, &roots[size]);
            assert_eq!(held, Ok(()), "{index} of {size}");
            if size <= 66 {
                assert_eq!(
                    proof,
                    definition::path(index, &all[..size]),
                    "{index} of {size}"
                );
            }
        }
    }
}

#[test]
fn every_consistency_proof_up_to_three_hundred_leaves_holds() {
    let all = leaves(300);
    let (tree, roots) = (Levels::of(&all), roots(&all));
    for size in 1..=all.len() {
        for old in 1..=size {
            let proof = consistency(old, size, &tree);
            let (old_root, root) = (&roots[old], &roots[size]);
            let held = verify_consistency(old as u64, old_root, size as u64, root, &proof);
            assert_eq!(held, Ok(()), "{old} to {size}");
            if size <= 66 {
                assert_eq!(
                    proof,
                    definition::consistency(old, &all[..size]),
                    "{old} to {size}"
                );
            }
        }
    }
}

/// Both verifiers are the literal ones of RFC 9162 for every index, size and length of proof, right or wrong.
#[test]
fn a_proof_for_any_other_index_or_size_is_judged_as_rfc_9162_does() {
    let all = leaves(18);
    let (tree, roots) = (Levels::of(&all), roots(&all));
    for size in 1..=all.len() {
        for (index, leaf) in all[..size].iter().enumerate() {
            let proof = inclusion(index, size, &tree);
            for (other_index, other_size) in (0..20).flat_map(|i| (0..20).map(move |n| (i, n))) {
                let held = verify_inclusion(leaf, other_index, other_size, &proof, &roots[size]);
                let expected = definition::inclusion_holds(
                    *leaf,
                    other_index,
                    other_size,
                    &proof,
                    roots[size],
                );
                assert_eq!(
                    held.is_ok(),
                    expected,
                    "{index}/{size} as {other_index}/{other_size}"
                );
            }
        }
        for old in 1..size {
            let proof = consistency(old, size, &tree);
            for (other_old, other) in (1..20).flat_map(|o| (o + 1..21).map(move |n| (o, n))) {
                let held = verify_consistency(other_old, &roots[old], other, &roots[size], &proof);
                let expected = definition::consistency_holds(
                    other_old,
                    roots[old],
                    other,
                    roots[size],
                    &proof,
                );
                assert_eq!(
                    held.is_ok(),
                    expected,
                    "{old}-{size} as {other_old}-{other}"
                );
            }
        }
    }
}

#[test]
fn a_tree_without_leaves_is_consistent_with_every_tree_and_needs_no_proof() {
    let all = leaves(5);
    assert_eq!(consistency(0, 5, &Levels::of(&all)), []);
    let root = tree_hash(&all);
    assert_eq!(verify_consistency(0, &EMPTY_ROOT, 5, &root, &[]), Ok(()));
    assert_eq!(
        verify_consistency(0, &EMPTY_ROOT, 0, &EMPTY_ROOT, &[]),
        Ok(())
    );
    let one = ProofRejected::WrongLength {
        expected: 0,
        found: 1,
    };
    assert_eq!(
        verify_consistency(0, &EMPTY_ROOT, 5, &root, &all[..1]),
        Err(one)
    );
    for (old_root, size, root) in [(root, 5, root), (EMPTY_ROOT, 0, root), (root, 0, root)] {
        let rejected = verify_consistency(0, &old_root, size, &root, &[]).unwrap_err();
        assert!(
            matches!(rejected, ProofRejected::RootMismatch { size: 0, .. }),
            "{rejected}"
        );
    }
}

#[test]
fn equal_sizes_need_equal_roots_and_no_proof() {
    let all = leaves(6);
    let root = tree_hash(&all);
    assert_eq!(verify_consistency(6, &root, 6, &root, &[]), Ok(()));
    assert!(verify_consistency(6, &root, 6, &all[0], &[]).is_err());
    assert!(verify_consistency(6, &root, 6, &root, &[root]).is_err());
}

#[test]
fn what_cannot_be_proven_is_refused_before_a_node_is_asked_for() {
    let message = ProofPlan::inclusion(5, 5).unwrap_err().to_string();
    assert!(message.contains("5 leaves has no leaf 5"), "{message}");
    assert!(ProofPlan::inclusion(0, 0).is_err());
    let message = ProofPlan::consistency(6, 5).unwrap_err().to_string();
    assert!(message.contains("old size, 6, is above"), "{message}");
    assert_eq!(
        verify_consistency(6, &EMPTY_ROOT, 5, &EMPTY_ROOT, &[]),
        Err(ProofRejected::SizeDecreases {
            old_size: 6,
            size: 5
        })
    );
    assert_eq!(
        verify_inclusion(&EMPTY_ROOT, 5, 5, &[], &EMPTY_ROOT),
        Err(ProofRejected::IndexBeyondSize { index: 5, size: 5 })
    );
}

#[test]
fn the_first_error_of_the_source_of_nodes_is_the_outcome() {
    let mut asked = 0;
    let outcome = ProofPlan::inclusion(0, 8).unwrap().prove(|_| {
        asked += 1;
        Err::<Digest, _>("the disk is gone")
    });
    assert_eq!((outcome, asked), (Err("the disk is gone"), 1));
}

#[test]
fn a_restored_tree_goes_on_as_the_one_that_grew() {
    let all = leaves(600);
    for size in [0, 1, 2, 3, 7, 8, 255, 256, 257, 511, 513] {
        let mut grown = CompactRange::new();
        grown.extend(&all[..size]);
        let mut restored = CompactRange::restore(size as u64, |id| {
            Ok::<_, Infallible>(definition::node(&all, id))
        })
        .unwrap();
        assert_eq!(restored, grown, "size {size}");
        restored.extend(&all[size..]);
        assert_eq!(restored.root(), tree_hash(&all));
    }
}

#[test]
fn plans_for_the_largest_trees_stay_within_their_bounds() {
    for size in [
        u64::MAX,
        u64::MAX - 1,
        1 << 63,
        (1 << 63) + 1,
        (1 << 62) + 3,
    ] {
        for index in [0, 1, size / 2, size - 2, size - 1] {
            assert!(ProofPlan::inclusion(index, size).unwrap().nodes().len() <= 127);
            // A proof of the right length that leads elsewhere, not a panic.
            let made = ProofPlan::inclusion(index, size)
                .unwrap()
                .prove(|_| Ok::<_, Infallible>(Digest::ZERO))
                .unwrap();
            let rejected = verify_inclusion(&EMPTY_ROOT, index, size, &made, &EMPTY_ROOT);
            assert!(
                matches!(rejected, Err(ProofRejected::RootMismatch { .. })),
                "{rejected:?}"
            );
            let plan = ProofPlan::consistency(index, size).unwrap();
            assert!(plan.nodes().len() <= 127, "{}", plan.nodes().len());
            let made = plan.prove(|_| Ok::<_, Infallible>(Digest::ZERO)).unwrap();
            let rejected = verify_consistency(index, &EMPTY_ROOT, size, &Digest::ZERO, &made);
            assert!(
                index == 0 || matches!(rejected, Err(ProofRejected::RootMismatch { .. })),
                "{rejected:?}"
            );
        }
        assert_eq!(complete_subtrees(size).count(), size.count_ones() as usize);
    }
    assert!(NodeId::new(63, 1).is_ok());
    assert!(NodeId::new(63, 2).is_err());
    assert!(NodeId::new(64, 0).is_err());
}

proptest! {
    #[test]
    fn proofs_of_larger_trees_hold_and_no_flipped_bit_does(
        size in 1_usize..3_000, at: prop::sample::Index, old: prop::sample::Index, bit in 0_usize..256, which: prop::sample::Index,
    ) {
        let all = leaves(size);
        let (tree, root) = (Levels::of(&all), tree_hash(&all));
        let (index, old) = (at.index(size), 1 + old.index(size));
        let flipped = |hash: &Digest| {
            let mut bytes = *hash.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            Digest::from_bytes(bytes)
        };

        let proof = inclusion(index, size, &tree);
        let old_proof = consistency(old, size, &tree);
        let (at, size) = (index as u64, size as u64);
        prop_assert_eq!(verify_inclusion(&all[index], at, size, &proof, &root), Ok(()));
        prop_assert!(verify_inclusion(&flipped(&all[index]), at, size, &proof, &root).is_err());
        prop_assert!(verify_inclusion(&all[index], at, size, &proof, &flipped(&root)).is_err());
        if !proof.is_empty() {
            let mut damaged = proof.clone();
            let which = which.index(proof.len());
            damaged[which] = flipped(&proof[which]);
            prop_assert!(verify_inclusion(&all[index], at, size, &damaged, &root).is_err());
            let short = &proof[..proof.len() - 1];
            prop_assert!(verify_inclusion(&all[index], at, size, short, &root).is_err());
        }
        let mut long = proof;
        long.push(root);
        prop_assert!(verify_inclusion(&all[index], at, size, &long, &root).is_err());

        let (old_root, proof) = (tree_hash(&all[..old]), old_proof);
        let old = old as u64;
        prop_assert_eq!(verify_consistency(old, &old_root, size, &root, &proof), Ok(()));
        prop_assert!(verify_consistency(old, &flipped(&old_root), size, &root, &proof).is_err());
        prop_assert!(verify_consistency(old, &old_root, size, &flipped(&root), &proof).is_err());
        for which in 0..proof.len() {
            let mut damaged = proof.clone();
            damaged[which] = flipped(&proof[which]);
            prop_assert!(verify_consistency(old, &old_root, size, &root, &damaged).is_err());
            damaged.remove(which);
            prop_assert!(verify_consistency(old, &old_root, size, &root, &damaged).is_err());
        }
        let mut long = proof;
        long.push(root);
        prop_assert!(verify_consistency(old, &old_root, size, &root, &long).is_err());
    }
}
