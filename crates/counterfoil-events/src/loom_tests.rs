//! Models of the ring and its pool, run through every order of execution that the memory model allows:
//! `RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test -p counterfoil-events --release --lib loom`.

use std::sync::Arc;

use loom::thread;

use crate::pool::Pool;
use crate::ring::Owner;

/// Both words of an event are the same, so a torn one shows.
fn push(owner: &Owner<2>, value: u64) {
    owner.push(&[value, value]);
}

#[test]
fn loom_a_reader_never_sees_a_torn_event_and_accounts_for_each() {
    loom::model(|| {
        let owner = Owner::<2>::new(2);
        let ring = Arc::clone(owner.ring());
        push(&owner, 1);
        push(&owner, 2);
        let writer = thread::spawn(move || {
            push(&owner, 3);
            push(&owner, 4);
        });
        let head = ring.head();
        let oldest = ring.oldest(head);
        assert_eq!(oldest, head - 2);
        for position in oldest..head {
            if let Some(words) = ring.get(position) {
                // Neither torn, nor stale, nor ahead of what was asked for.
                assert_eq!(words, [position + 1; 2]);
            }
        }
        writer.join().unwrap();
        assert_eq!(ring.head(), 4);
        assert_eq!([2, 3].map(|at| ring.get(at)), [Some([3, 3]), Some([4, 4])]);
    });
}

#[test]
fn loom_a_lapping_writer_is_noticed_in_one_slot() {
    loom::model(|| {
        let owner = Owner::<2>::new(1);
        let ring = Arc::clone(owner.ring());
        push(&owner, 1);
        let writer = thread::spawn(move || {
            push(&owner, 2);
            push(&owner, 3);
        });
        let head = ring.head();
        if let Some(words) = ring.get(head - 1) {
            assert_eq!(words, [head; 2]);
        }
        writer.join().unwrap();
    });
}

#[test]
fn loom_a_ring_that_is_handed_back_goes_on_where_it_was() {
    loom::model(|| {
        let pool = Arc::new(Pool::<2>::new(2, 1));
        let threads: Vec<_> = (1..=2)
            .map(|value| {
                let pool = Arc::clone(&pool);
                thread::spawn(move || {
                    if let Some(owner) = pool.claim_or_push(&[value, value]) {
                        push(&owner, value);
                        pool.hand_back(owner);
                    }
                })
            })
            .collect();
        for ring in pool.rings() {
            for position in 0..ring.head() {
                let words = ring.get(position);
                assert!(words.is_none_or(|[a, b]| a == b && (1..=2).contains(&a)));
            }
        }
        for thread in threads {
            thread.join().unwrap();
        }
        // Whichever way it went, adopted or shared, both events are there and counted once.
        let rings = pool.rings();
        let offered: u64 = rings.iter().map(|ring| ring.head()).sum();
        let mut seen: Vec<_> = rings
            .iter()
            .flat_map(|ring| (0..ring.head()).filter_map(|at| ring.get(at)))
            .collect();
        seen.sort_unstable();
        assert_eq!((offered, seen), (2, vec![[1, 1], [2, 2]]));
        assert_eq!(offered, pool.shared_offered() + rings[0].head());
    });
}

#[test]
fn loom_the_next_owner_overwrites_under_the_eyes_of_a_reader() {
    loom::model(|| {
        let pool = Arc::new(Pool::<2>::new(1, 1));
        let first = pool.claim_or_push(&[9, 9]).unwrap();
        push(&first, 1);
        let ring = Arc::clone(first.ring());
        let other = Arc::clone(&pool);
        pool.hand_back(first);
        let adopter = thread::spawn(move || {
            let owner = other.claim_or_push(&[9, 9]).unwrap();
            push(&owner, 2);
            other.hand_back(owner);
        });
        let head = ring.head();
        if let Some(words) = ring.get(head - 1) {
            assert_eq!(words, [head; 2]);
        }
        adopter.join().unwrap();
        assert_eq!((ring.head(), ring.get(1)), (2, Some([2, 2])));
    });
}

#[test]
fn loom_the_shared_ring_is_made_once() {
    loom::model(|| {
        let pool = Arc::new(Pool::<2>::new(2, 0));
        let threads = [1, 2].map(|value| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || assert!(pool.claim_or_push(&[value, value]).is_none()))
        });
        for thread in threads {
            thread.join().unwrap();
        }
        let rings = pool.rings();
        assert_eq!((rings.len(), pool.shared_offered()), (1, 2));
        let mut seen: Vec<_> = (0..2).filter_map(|at| rings[0].get(at)).collect();
        seen.sort_unstable();
        assert_eq!(seen, [[1, 1], [2, 2]]);
    });
}
