//! Two of three witnesses have to cosign.

use std::sync::{Arc, Mutex};

use counterfoil_anchor::{AnchorStore, ErrorKind};
use counterfoil_anchor_witness::{OnQuorumMissed, Outcome, WitnessEvent};
use counterfoil_merkle::note::SignedNote;
use counterfoil_signer::{Ed25519Signer, Keyring, sign_note_text};
use counterfoil_testkit::block_on;

use crate::network::{CHAIN, Network, advance, chain, signers};

#[test]
fn a_head_that_all_cosign_is_kept_with_every_cosignature_and_meets_the_policy() {
    let network = Network::new(1_000);
    let store = network.store();
    for size in [1, 2, 300, 1_000] {
        let stored = advance(&store, &network.log, size).unwrap();
        assert!(stored.covers(&network.log.anchor(size)));
        assert_eq!(
            signers(&stored),
            [
                CHAIN,
                "witness.example/w1",
                "witness.example/w2",
                "witness.example/w3"
            ]
        );
        assert_eq!(block_on(store.load(&chain())).unwrap().unwrap(), stored);
        let note = SignedNote::parse(stored.checkpoint().unwrap()).unwrap();
        let policy = network.policy();
        let keys = Keyring::of_policy(&policy).unwrap();
        let accepted = policy
            .verify_note(&note, |text, line| keys.judge(text, line))
            .unwrap();
        assert_eq!(accepted.quorum().cosigned(), ["w1", "w2", "w3"]);
    }
    let figures = store.figures_reader().read();
    assert_eq!((figures.quorum_met, figures.quorum_missed), (4, 0));
    for witness in figures.witnesses {
        assert_eq!(witness.outcomes[0], (Outcome::Cosigned, 4));
        assert_eq!(witness.cosigned_size, 1_000);
        assert!(witness.cosigned_age.is_some());
    }
}

#[test]
fn with_one_witness_down_the_anchor_advances_and_the_figures_say_who_is_missing() {
    let mut network = Network::new(20);
    let store = network.store();
    advance(&store, &network.log, 10).unwrap();
    network.witnesses[1].stop();
    let stored = advance(&store, &network.log, 20).unwrap();
    assert_eq!(
        signers(&stored),
        [CHAIN, "witness.example/w1", "witness.example/w3"]
    );
    let figures = store.figures_reader().read();
    assert_eq!((figures.quorum_met, figures.quorum_missed), (2, 0));
    let down = &figures.witnesses[1];
    assert_eq!((&*down.name, down.cosigned_size), ("w2", 10));
    assert!(
        down.outcomes.contains(&(Outcome::Unreachable, 1)),
        "{down:?}"
    );
}

#[test]
fn with_two_witnesses_down_the_anchor_stays_and_says_why_and_goes_on_when_they_return() {
    let mut network = Network::new(30);
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let store = network
        .builder(&network.log)
        .on_event(move |event| seen.lock().unwrap().push(event.clone()))
        .build()
        .unwrap();
    let before = advance(&store, &network.log, 10).unwrap();
    network.witnesses[0].stop();
    network.witnesses[2].stop();
    let refused = advance(&store, &network.log, 20).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unwitnessed);
    let message = refused.to_string();
    for part in [
        "record 20",
        "teams is not met",
        "1 of its 3",
        "witness w1: ",
        "witness w3: ",
    ] {
        assert!(message.contains(part), "{part:?} in {message}");
    }
    assert_eq!(block_on(store.load(&chain())).unwrap().unwrap(), before);
    assert_eq!(store.figures_reader().read().quorum_missed, 1);
    match events.lock().unwrap().last().unwrap() {
        WitnessEvent::QuorumMissed {
            head,
            failures,
            advanced,
            ..
        } => {
            assert_eq!((head.seq, *advanced), (20, false));
            assert_eq!(failures.len(), 2);
        }
        other => panic!("{other:?}"),
    }

    let line = network.log_line();
    network.witnesses[0].resume(&line);
    network.witnesses[2].resume(&line);
    // Witness 2 has cosigned 20 by now and the others have not.
    let stored = advance(&store, &network.log, 30).unwrap();
    assert_eq!(signers(&stored).len(), 4);
}

#[test]
fn a_store_that_may_fail_open_advances_without_a_quorum_and_counts_it() {
    let mut network = Network::new(20);
    let store = network
        .builder(&network.log)
        .on_quorum_missed(OnQuorumMissed::FailOpen)
        .build()
        .unwrap();
    network.witnesses[0].stop();
    network.witnesses[2].stop();
    let stored = advance(&store, &network.log, 10).unwrap();
    assert_eq!(signers(&stored), [CHAIN, "witness.example/w2"]);
    let figures = store.figures_reader().read();
    assert_eq!(
        (figures.quorum_missed, figures.advanced_without_quorum),
        (1, 1)
    );

    // Asked again for the same head, it gains what it lacks and loses nothing.
    let line = network.log_line();
    network.witnesses[0].resume(&line);
    network.witnesses[2].resume(&line);
    let again = block_on(store.advance(&chain(), None, &network.log.anchor(10))).unwrap();
    assert_eq!(
        signers(&again),
        [
            CHAIN,
            "witness.example/w2",
            "witness.example/w1",
            "witness.example/w3"
        ]
    );
}

#[test]
fn a_store_that_knows_nothing_of_its_witnesses_asks_them_how_far_they_are() {
    let network = Network::new(700);
    advance(&network.store(), &network.log, 300).unwrap();
    // A new process: the inner store is kept elsewhere and has been lost, the witnesses remember.
    let forgetful = Network {
        inner: Arc::default(),
        evidence: tempfile::tempdir().unwrap(),
        ..network
    };
    let stored = advance(&forgetful.store(), &forgetful.log, 700).unwrap();
    assert_eq!(signers(&stored).len(), 4);
}

/// An epoch key signs beside the log key; witnesses know the log key alone.
#[test]
fn epochs_roll_over_without_the_witnesses_noticing() {
    let network = Network::new(100);
    let store = network.store();
    let mut current = None;
    for (epoch, size) in [(1, 10), (2, 20), (3, 30)] {
        let name = format!("{CHAIN}/epoch/{epoch}");
        let key = Ed25519Signer::from_seed(&name, &[50 + epoch; 32]).unwrap();
        let mut note = network.log.signed(size);
        let line = sign_note_text(&key, note.text()).unwrap().unwrap();
        note.add_signature(line).unwrap();
        let offered = counterfoil_anchor::Anchor::new(network.log.head(size))
            .unwrap()
            .with_checkpoint(note.to_text())
            .unwrap();
        let stored = block_on(store.advance(&chain(), current.as_ref(), &offered)).unwrap();
        assert!(stored.covers(&offered));
        assert_eq!(signers(&stored)[1], name);
        assert_eq!(signers(&stored).len(), 5);
        current = Some(offered.head().clone());
    }
}

#[test]
fn a_head_that_the_log_did_not_sign_is_shown_to_nobody() {
    let network = Network::new(10);
    let store = network.store();
    let unsigned = counterfoil_anchor::Anchor::new(network.log.head(5)).unwrap();
    let refused = block_on(store.advance(&chain(), None, &unsigned)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unwitnessed);
    assert!(
        refused.to_string().contains("no signed checkpoint"),
        "{refused}"
    );
    let figures = store.figures_reader().read();
    assert!(
        figures
            .witnesses
            .iter()
            .all(|witness| witness.outcomes.iter().all(|(_, n)| *n == 0))
    );
}
