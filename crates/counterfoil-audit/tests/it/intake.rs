//! A foreign chain as it arrives: the verdicts of a verification, in any chunks, and no trace of what was refused.

use std::sync::Arc;

use counterfoil_audit::intake::{Intake, Offered};
use counterfoil_audit::verify::{Reason, Verdict};
use counterfoil_signer::Keyring;
use counterfoil_testkit::SeededRng;
use proptest::prelude::*;

use crate::tamper::subject::{
    EVERY_KIND, Kind, OTHER_ID, Recipe, Subject, judge, key_reader, trust,
};

fn intake(subject: &Subject, keys: Keyring) -> Intake {
    let chain = subject.recipe.id.parse().unwrap();
    Intake::new(chain, Arc::new(keys), Some(key_reader))
}

/// A long history of this kind, opened three times.
fn history(kind: Kind, records: usize) -> Subject {
    let mut recipe = Recipe::new(kind, records);
    recipe.openings = 3;
    recipe.make()
}

/// Offers a log in pieces of random sizes, each with what the last one left, until something is refused.
fn offer_in_pieces(intake: &mut Intake, log: &[u8], rng: &mut SeededRng) -> Offered {
    let mut all = Offered::default();
    let (mut from, mut to) = (0, 0);
    while to < log.len() {
        to = (to + 1 + rng.below(3_000) as usize).min(log.len());
        let offered = intake.offer(&log[from..to]);
        from += offered.bytes;
        all.bytes += offered.bytes;
        all.records += offered.records;
        all.refused = offered.refused;
        if all.refused.is_some() {
            break;
        }
    }
    all
}

/// What a verification finds first: the reason and the position.
fn first_contradiction(log: &[u8], subject: &Subject) -> Option<(u64, Reason)> {
    let report = judge(log, None, &subject.keys());
    let failures = report.failures.iter();
    failures
        .filter(|failure| failure.reason.verdict() == Verdict::Tampered)
        .filter_map(|failure| Some((failure.position?, failure.reason)))
        .min()
}

/// A change somewhere in a log that leaves its first record the first.
fn damage(lines: &mut Vec<Vec<u8>>, rng: &mut SeededRng) {
    let len = lines.len() as u64;
    let at = 1 + rng.below(len - 2) as usize;
    let other = 1 + rng.below(len - 1) as usize;
    match rng.below(6) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[other].clone()),
        2 => lines.swap(at, if at == other { at + 1 } else { other }),
        3 => lines.insert(at, b"\n".to_vec()),
        4 => lines[at] = vec![b'x'; 200],
        _ => {
            let bit = rng.below(lines[at].len() as u64 * 8) as usize;
            lines[at][bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn an_intake_can_move_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Intake>();
}

#[test]
fn every_kind_of_log_is_accepted_as_a_whole_with_its_head_and_kinds() {
    for kind in EVERY_KIND {
        let subject = history(kind, 80);
        let mut intake = intake(&subject, subject.keys());
        let offered = intake.offer(&subject.bytes());
        assert_eq!(offered.refused, None, "{kind:?}");
        assert_eq!(offered.bytes, subject.bytes().len());
        assert_eq!(intake.head(), Some(subject.head(subject.len())));
        let counted: u64 = offered.kinds.iter().map(|(_, count)| count).sum();
        assert_eq!((counted, offered.records), (subject.len(), subject.len()));
        let opened = offered.kinds.iter().find(|(kind, _)| *kind == "log_opened");
        assert_eq!(opened.is_none(), kind.is_bare());
    }
}

proptest! {
    #[test]
    fn any_split_of_a_log_gives_the_same_head(seed in any::<u64>(), kind in 0..5_usize, records in 4..120_usize) {
        let subject = history(EVERY_KIND[kind], records);
        let mut intake = intake(&subject, subject.keys());
        let offered = offer_in_pieces(&mut intake, &subject.bytes(), &mut SeededRng::new(seed));
        prop_assert_eq!(offered.refused, None);
        prop_assert_eq!(offered.records, subject.len());
        prop_assert_eq!(intake.head(), Some(subject.head(subject.len())));
    }

    #[test]
    fn damage_is_refused_where_a_verification_finds_it_and_leaves_no_trace(
        seed in any::<u64>(), kind in 0..5_usize, records in 12..60_usize,
    ) {
        let subject = history(EVERY_KIND[kind], records);
        let mut rng = SeededRng::new(seed);
        let mut lines = subject.lines.clone();
        damage(&mut lines, &mut rng);
        let log = lines.concat();
        let mut intake = intake(&subject, subject.keys());
        let offered = offer_in_pieces(&mut intake, &log, &mut rng);
        let Some(refused) = offered.refused else {
            // Only a line that lost its line feed at the end, or a last record that is gone, is no contradiction yet.
            let end = offered.records;
            prop_assert!(end >= subject.len() - 1);
            return Ok(());
        };
        let found = first_contradiction(&log, &subject);
        prop_assert_eq!(Some((refused.seq, refused.reason)), found, "{}", refused);
        prop_assert_eq!(intake.seq(), refused.seq - 1);
        prop_assert_eq!(intake.head(), Some(subject.head(refused.seq - 1)));
        // The right lines go on from there as if nothing had been offered in between.
        let rest = subject.lines[refused.seq as usize - 1..].concat();
        let offered = offer_in_pieces(&mut intake, &rest, &mut rng);
        prop_assert_eq!(offered.refused, None);
        prop_assert_eq!(intake.head(), Some(subject.head(subject.len())));
    }
}

#[test]
fn a_refusal_names_what_was_expected_and_what_was_found() {
    let subject = Recipe::new(Kind::Unsigned, 8).make();
    let mut intake = intake(&subject, subject.keys());
    intake.offer(&subject.lines[..4].concat());
    let refused = intake.offer(&subject.lines[5]).refused.unwrap();
    assert_eq!((refused.reason, refused.seq), (Reason::Seq, 5));
    assert_eq!(refused.expected.as_deref(), Some("5"));
    assert_eq!(refused.found.as_deref(), Some("6"));
    let other = Recipe {
        id: OTHER_ID,
        ..subject.recipe
    }
    .make();
    let refused = intake.offer(&other.lines[4]).refused.unwrap();
    assert_eq!((refused.reason, refused.seq), (Reason::Id, 5));
}

#[test]
fn a_chain_that_does_not_begin_with_its_first_record_is_refused() {
    let subject = Recipe::new(Kind::Unsigned, 8).make();
    let mut intake = intake(&subject, subject.keys());
    let refused = intake.offer(&subject.lines[1]).refused.unwrap();
    assert_eq!((refused.reason, refused.seq), (Reason::Seq, 1));
    assert_eq!(intake.head(), None);
}

#[test]
fn a_line_without_an_end_is_waited_for_until_it_is_longer_than_any_record() {
    let subject = Recipe::new(Kind::Unsigned, 8).make();
    let mut intake = intake(&subject, subject.keys());
    let line = &subject.lines[0];
    let offered = intake.offer(&line[..line.len() - 1]);
    assert_eq!((offered.bytes, offered.refused), (0, None));
    let refused = intake.offer(&vec![b'{'; 70_000]).refused.unwrap();
    assert_eq!((refused.reason, refused.seq), (Reason::Grammar, 1));
    assert_eq!(intake.offer(line).records, 1);
}

mod checkpoints {
    use super::*;

    fn registered(subject: &Subject) -> Keyring {
        let mut keys = Keyring::new();
        trust(&mut keys, &subject.recipe.log_key());
        keys
    }

    #[test]
    fn a_checkpoint_by_the_registered_key_counts_at_every_recent_size() {
        for kind in [Kind::Checkpoints, Kind::Records] {
            let subject = history(kind, 40);
            let mut intake = intake(&subject, registered(&subject));
            for (line, size) in subject.lines.iter().zip(1..) {
                assert_eq!(intake.offer(line).refused, None);
                let fits = intake.checkpoint(&subject.checkpoint(size)).unwrap();
                assert_eq!(
                    (fits.size, Some(fits.root)),
                    (size, subject.head(size).root)
                );
            }
            for size in 1..=subject.len() {
                intake.checkpoint(&subject.checkpoint(size)).unwrap();
            }
        }
    }

    #[test]
    fn a_checkpoint_that_does_not_fit_says_why() {
        let subject = history(Kind::Checkpoints, 40);
        let mut intake = intake(&subject, registered(&subject));
        intake.offer(&subject.lines[..30].concat());
        let why = |note: &str| intake.checkpoint(note).unwrap_err().reason;
        assert_eq!(why("no note"), Reason::Unreadable);
        assert_eq!(why(&subject.checkpoint(31)), Reason::Absent);
        let mut forger = subject.recipe;
        forger.key_seed += 1;
        assert_eq!(why(&subject.signed_by(&forger.log_key(), 30)), Reason::Key);
        let mut recipe = subject.recipe;
        recipe.seed += 1;
        assert_eq!(why(&recipe.make().checkpoint(30)), Reason::Root);
        let other = Recipe {
            id: OTHER_ID,
            ..subject.recipe
        }
        .make();
        assert_eq!(why(&other.checkpoint(30)), Reason::Id);
        let (ours, older) = (subject.checkpoint(30), subject.checkpoint(29));
        let text = ours.split_once("\n\n").unwrap().0;
        let signature = older.split_once("\n\n").unwrap().1;
        assert_eq!(why(&format!("{text}\n\n{signature}")), Reason::Signature);
    }
}
