//! The conformance suite of [`AnchorStore`].
//!
//! ```
//! use counterfoil_anchor::MemoryAnchorStore;
//! counterfoil_testkit::anchor::conformance(MemoryAnchorStore::new);
//! ```

use std::sync::Barrier;
use std::thread;

use counterfoil_anchor::{Anchor, AnchorStore, Error, ErrorKind};
use counterfoil_core::{ChainId, Digest, Head};

use crate::block_on;

/// Base64 of 32 bytes of 0x01, which is [`ROOT`].
const ROOT_BASE64: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const ROOT: Digest = Digest::from_bytes([1; 32]);
const WRITERS: usize = 4;
const ROUNDS: u64 = 8;

/// Checks that a store keeps the contract of [`AnchorStore`]. `make` returns an empty store of its own each time.
///
/// # Panics
/// When the store does not.
pub fn conformance<S: AnchorStore>(make: impl Fn() -> S) {
    a_new_store_has_no_anchor(&make());
    what_is_answered_is_loaded_byte_for_byte(&make());
    a_head_that_is_not_expected_is_a_conflict_that_names_both(&make());
    an_anchor_never_goes_back(&make());
    the_same_record_may_gain_a_root_and_a_checkpoint(&make());
    a_lost_answer_can_be_asked_for_again(&make());
    a_signature_that_is_stored_is_not_lost_by_asking_again(&make());
    a_log_goes_on_under_its_next_incarnation(&make());
    a_log_skips_few_incarnations(&make());
    the_next_head_is_of_the_chain_that_was_named(&make());
    logs_do_not_touch_each_other(&make());
    a_future_that_is_dropped_before_it_starts_stores_nothing(&make());
    let shared = make();
    one_of_many_writers_wins(&[&shared as &dyn AnchorStore; WRITERS]);
}

/// Checks that a store that outlives its process does so. `open` opens the same store, empty at first, each time.
///
/// # Panics
/// When the store does not.
pub fn persistence<S: AnchorStore>(open: impl Fn() -> S) {
    let first = advance(&open(), None, &full_anchor(1)).expect_stored();
    let (one, other) = (open(), open());
    assert_eq!(
        load(&one),
        Some(first.clone()),
        "a reopened store lost the anchor"
    );
    let second = advance(&one, Some(&first), &full_anchor(2)).expect_stored();
    let late = advance(&other, Some(&first), &full_anchor(3)).expect_refused(ErrorKind::Conflict);
    assert_eq!(
        late.found(),
        Some(second.head()),
        "the other handle's anchor was not seen"
    );
    drop((one, other));
    assert_eq!(
        load(&open()),
        Some(second),
        "a reopened store lost the anchor"
    );
    let handles: [S; WRITERS] = std::array::from_fn(|_| open());
    one_of_many_writers_wins(&handles.each_ref().map(|handle| handle as &dyn AnchorStore));
}

fn a_new_store_has_no_anchor(store: &dyn AnchorStore) {
    assert_eq!(load(store), None, "a new store has an anchor");
}

/// A store may have added signature lines to what it was offered, and keeps what it answered with.
fn what_is_answered_is_loaded_byte_for_byte(store: &dyn AnchorStore) {
    let anchors = [
        bare_anchor(1),
        full_anchor(2),
        full_anchor(2),
        bare_anchor(1_000_000),
    ];
    let mut current = None;
    for offered in &anchors {
        let answered = advance(store, current.as_ref(), offered).expect_stored();
        assert!(
            answered.covers(offered),
            "the answer lacks what was offered: {answered:?}"
        );
        assert_eq!(load(store).as_ref(), Some(&answered));
        current = Some(answered);
    }
}

fn a_head_that_is_not_expected_is_a_conflict_that_names_both(store: &dyn AnchorStore) {
    let (first, second, third) = (bare_anchor(1), bare_anchor(2), bare_anchor(3));
    let too_early = advance(store, Some(&first), &second).expect_refused(ErrorKind::Conflict);
    assert_eq!(
        (too_early.expected(), too_early.found()),
        (Some(first.head()), None)
    );

    advance(store, None, &second).expect_stored();
    let mut forked_head = second.head().clone();
    forked_head.hash = Digest::from_bytes([0xff; 32]);
    let forked = make_anchor(forked_head);
    for expected in [None, Some(&first), Some(&third), Some(&forked)] {
        let conflict = advance(store, expected, &third).expect_refused(ErrorKind::Conflict);
        assert_eq!(conflict.expected(), expected.map(Anchor::head));
        assert_eq!(conflict.found(), Some(second.head()));
        let message = conflict.to_string();
        assert!(
            message.contains(&second.head().hash.to_string()),
            "{message}"
        );
        assert_eq!(
            load(store).as_ref(),
            Some(&second),
            "a refused advance changed the store"
        );
    }
}

fn an_anchor_never_goes_back(store: &dyn AnchorStore) {
    let current = advance(store, None, &full_anchor(5)).expect_stored();
    let mut other_hash = current.head().clone();
    other_hash.hash = Digest::from_bytes([0xff; 32]);
    let mut other_root = current.head().clone();
    other_root.root = Some(Digest::from_bytes([2; 32]));
    let mut no_checkpoint = current.head().clone();
    no_checkpoint.root = Some(ROOT);
    for next in [
        bare_anchor(4).head(),
        &other_hash,
        &other_root,
        bare_anchor(5).head(),
        &no_checkpoint,
    ] {
        let refused = advance(store, Some(&current), &make_anchor(next.clone()))
            .expect_refused(ErrorKind::Regression);
        assert_eq!(refused.found(), Some(current.head()));
        assert_eq!(
            load(store).as_ref(),
            Some(&current),
            "a refused advance changed the store"
        );
    }
}

fn the_same_record_may_gain_a_root_and_a_checkpoint(store: &dyn AnchorStore) {
    advance(store, None, &bare_anchor(5)).expect_stored();
    let answered = advance(store, Some(&bare_anchor(5)), &full_anchor(5)).expect_stored();
    assert!(answered.covers(&full_anchor(5)), "{answered:?}");
    assert_eq!(load(store), Some(answered));
}

fn a_lost_answer_can_be_asked_for_again(store: &dyn AnchorStore) {
    let steps = [
        (None, full_anchor(1)),
        (Some(full_anchor(1)), full_anchor(2)),
    ];
    for (expected, next) in steps {
        let first = advance(store, expected.as_ref(), &next).expect_stored();
        let again = advance(store, expected.as_ref(), &next).expect_stored();
        assert_eq!(again, first, "asking again changed what is stored");
        assert_eq!(load(store), Some(first));
    }
}

/// A store that collected cosignatures is asked again without them by a writer that never got the answer.
fn a_signature_that_is_stored_is_not_lost_by_asking_again(store: &dyn AnchorStore) {
    let note = full_anchor(1).checkpoint().unwrap_or_default().to_owned();
    let cosigned = make_anchor(full_anchor(1).head().clone())
        .with_checkpoint(note + "\u{2014} witness.example AAAAAAA=\n");
    let Ok(cosigned) = cosigned else { return };
    let stored = advance(store, None, &cosigned).expect_stored();
    for expected in [None, Some(&stored)] {
        let again = advance(store, expected, &full_anchor(1)).expect_stored();
        assert_eq!(again, stored);
        assert_eq!(load(store).as_ref(), Some(&stored));
    }
}

#[expect(clippy::expect_used, reason = "the suite's own chain has the number 1")]
fn next_chain() -> ChainId {
    chain().next_incarnation().expect("1 has a successor")
}

fn a_log_goes_on_under_its_next_incarnation(store: &dyn AnchorStore) {
    let old = bare_anchor(9);
    let next_chain = next_chain();
    let mut head = bare_anchor(1).head().clone();
    head.chain = next_chain.clone();
    let new = make_anchor(head);
    advance(store, None, &old).expect_stored();
    advance(store, None, &new).expect_refused(ErrorKind::Conflict);
    advance(store, Some(&old), &new).expect_stored();
    for asked in [&chain(), &next_chain] {
        let loaded = block_on(store.load(asked)).map_err(|error| error.to_string());
        assert_eq!(loaded, Ok(Some(new.clone())), "asked for {asked}");
    }
    advance(store, Some(&new), &bare_anchor(10)).expect_refused(ErrorKind::Regression);
}

/// A log that restarted while its store was away has a few more incarnations behind it than the store knows.
fn a_log_skips_few_incarnations(store: &dyn AnchorStore) {
    let in_incarnation = |number: u64| {
        let mut head = bare_anchor(1).head().clone();
        head.chain = parse(&format!("{}/{number}", chain().base()));
        make_anchor(head)
    };
    let (first, third) = (in_incarnation(1), in_incarnation(3));
    advance(store, None, &first).expect_stored();
    for far in [1_000_000, u64::MAX] {
        let refused = advance(store, Some(&first), &in_incarnation(far))
            .expect_refused(ErrorKind::Regression);
        assert_eq!(refused.found(), Some(first.head()));
        assert_eq!(load(store).as_ref(), Some(&first));
    }
    advance(store, Some(&first), &third).expect_stored();
    assert_eq!(load(store), Some(third));
}

fn the_next_head_is_of_the_chain_that_was_named(store: &dyn AnchorStore) {
    let other = next_chain();
    block_on(store.advance(&other, None, &bare_anchor(1))).expect_refused(ErrorKind::Invalid);
    assert_eq!(load(store), None);
}

/// A store keeps several logs apart, or refuses all but one.
fn logs_do_not_touch_each_other(store: &dyn AnchorStore) {
    let mut head = bare_anchor(7).head().clone();
    head.chain = parse("audit.example.com/jobs/1");
    let other = make_anchor(head);
    advance(store, None, &bare_anchor(1)).expect_stored();
    match advance(store, None, &other) {
        Ok(_) => {
            let loaded =
                block_on(store.load(&other.head().chain)).map_err(|error| error.to_string());
            assert_eq!(loaded, Ok(Some(other)));
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::WrongLog, "{error}"),
    }
    assert_eq!(
        load(store),
        Some(bare_anchor(1)),
        "another log's anchor replaced this one's"
    );
}

fn a_future_that_is_dropped_before_it_starts_stores_nothing(store: &dyn AnchorStore) {
    drop(store.advance(&chain(), None, &bare_anchor(1)));
    assert_eq!(load(store), None);
}

/// Each writer goes through a handle of its own, which may all be the same.
fn one_of_many_writers_wins(handles: &[&dyn AnchorStore; WRITERS]) {
    let mut current = load(handles[0]);
    let from = current.as_ref().map_or(0, |anchor| anchor.head().seq);
    for round in from + 1..=from + ROUNDS {
        let start = Barrier::new(WRITERS);
        let race = |writer: usize| {
            let mut head = bare_anchor(round).head().clone();
            head.hash = Digest::from_bytes([writer as u8; 32]);
            let next = make_anchor(head);
            start.wait();
            (advance(handles[writer], current.as_ref(), &next), next)
        };
        let outcomes: Vec<(Result<Anchor, Error>, Anchor)> = thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let race = &race;
                    scope.spawn(move || race(writer))
                })
                .collect();
            writers
                .into_iter()
                .filter_map(|writer| writer.join().ok())
                .collect()
        });
        assert_eq!(outcomes.len(), WRITERS, "a writer panicked");
        let stored = load(handles[0]);
        let mut winners = 0;
        for (outcome, next) in outcomes {
            match outcome {
                Ok(answered) => {
                    winners += 1;
                    assert_eq!(stored.as_ref(), Some(&answered));
                    assert_eq!(
                        stored.as_ref(),
                        Some(&next),
                        "the winner's anchor is not stored"
                    );
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                    assert_eq!(error.found(), stored.as_ref().map(Anchor::head));
                }
            }
        }
        assert_eq!(
            winners, 1,
            "of {WRITERS} writers from one head in round {round}"
        );
        current = stored;
    }
}

/// What a step of the suite expects.
trait Expect {
    fn expect_stored(self) -> Anchor;
    fn expect_refused(self, kind: ErrorKind) -> Error;
}

#[expect(clippy::panic, reason = "a conformance suite reports by panicking")]
impl Expect for Result<Anchor, Error> {
    #[track_caller]
    fn expect_stored(self) -> Anchor {
        match self {
            Ok(answered) => answered,
            Err(error) => panic!("an advance that the contract allows was refused: {error}"),
        }
    }

    #[track_caller]
    fn expect_refused(self, kind: ErrorKind) -> Error {
        match self {
            Ok(_) => panic!("an advance that the contract refuses as {kind:?} was stored"),
            Err(error) => {
                assert_eq!(error.kind(), kind, "{error}");
                error
            }
        }
    }
}

fn advance(
    store: &dyn AnchorStore,
    expected: Option<&Anchor>,
    next: &Anchor,
) -> Result<Anchor, Error> {
    block_on(store.advance(&next.head().chain, expected.map(Anchor::head), next))
}

#[track_caller]
#[expect(clippy::panic, reason = "a conformance suite reports by panicking")]
fn load(store: &dyn AnchorStore) -> Option<Anchor> {
    match block_on(store.load(&chain())) {
        Ok(anchor) => anchor,
        Err(error) => panic!("a store that is in order did not load: {error}"),
    }
}

fn chain() -> ChainId {
    parse("audit.example.com/leases/1")
}

#[expect(clippy::expect_used, reason = "the suite's own ids are valid")]
fn parse(id: &str) -> ChainId {
    id.parse().expect("a chain id")
}

#[expect(clippy::expect_used, reason = "the suite's own heads have a valid seq")]
fn make_anchor(head: Head) -> Anchor {
    Anchor::new(head).expect("an anchor")
}

fn bare_anchor(seq: u64) -> Anchor {
    make_anchor(Head {
        chain: chain(),
        seq,
        hash: Digest::from_bytes([seq as u8; 32]),
        root: None,
    })
}

#[expect(
    clippy::expect_used,
    reason = "the suite's own checkpoint agrees with its head"
)]
fn full_anchor(seq: u64) -> Anchor {
    let mut head = bare_anchor(seq).head().clone();
    head.root = Some(ROOT);
    let origin = &head.chain;
    let note = format!("{origin}\n{seq}\n{ROOT_BASE64}\n\n\u{2014} {origin} AAAAAAA=\n");
    make_anchor(head)
        .with_checkpoint(note)
        .expect("a checkpoint")
}
