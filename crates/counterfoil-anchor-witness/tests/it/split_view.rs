//! Heads that the log signed and that contradict each other.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use counterfoil_anchor::ErrorKind;
use counterfoil_anchor_witness::{OnQuorumMissed, Outcome};

use crate::network::{Network, advance};

fn contents(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut contents: Vec<String> = entries
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    contents.sort();
    contents
}

/// Somebody with the log's key shows another history of the same size.
#[test]
fn a_split_view_is_refused_by_every_witness_and_both_sides_keep_both_signed_heads() {
    let network = Network::new(10);
    let forged = network.log.fork();
    network.log.grow("true", 10);
    forged.grow("forged", 10);
    advance(&network.store(), &network.log, 20).unwrap();

    let elsewhere = Network {
        inner: Arc::default(),
        evidence: tempfile::tempdir().unwrap(),
        ..network
    };
    let store = elsewhere
        .builder(&forged)
        .on_quorum_missed(OnQuorumMissed::FailOpen)
        .build()
        .unwrap();
    let refused = advance(&store, &forged, 20).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::SplitView);
    let message = refused.to_string();
    assert!(
        message.contains("another head that this log signed"),
        "{message}"
    );

    let figures = store.figures_reader().read();
    assert_eq!(figures.split_views, 3);
    for witness in &figures.witnesses {
        assert!(
            witness.outcomes.contains(&(Outcome::SplitView, 1)),
            "{witness:?}"
        );
    }
    // The error names the files that the log's operator has.
    let dir = elsewhere.evidence.path().join("evidence");
    let named = fs::read_dir(&dir).unwrap().filter(|entry| {
        let path = entry.as_ref().unwrap().path();
        message.contains(&path.display().to_string())
    });
    assert_eq!(named.count(), 2, "{message}");
    // Ours once, and what each of the three witnesses has cosigned.
    let kept = contents(&dir);
    assert_eq!(kept.len(), 4);
    assert!(kept.contains(&forged.signed(20).to_text()));

    for witness in &elsewhere.witnesses {
        let kept = contents(&witness.state().join("evidence"));
        assert_eq!(kept.len(), 2, "{}", witness.name);
        assert!(kept.contains(&forged.signed(20).to_text()));
        let cosigned = elsewhere.log.signed(20).to_text();
        assert!(kept.iter().any(|note| note.starts_with(&cosigned)));
    }
}

#[test]
fn a_fork_that_has_grown_further_is_found_out_as_well() {
    let network = Network::new(10);
    let forged = network.log.fork();
    network.log.grow("true", 10);
    forged.grow("forged", 30);
    advance(&network.store(), &network.log, 20).unwrap();

    let elsewhere = Network {
        inner: Arc::default(),
        evidence: tempfile::tempdir().unwrap(),
        ..network
    };
    let refused = advance(&elsewhere.builder(&forged).build().unwrap(), &forged, 40).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::SplitView);
    assert!(refused.to_string().contains("at size 20"), "{refused}");
    assert_eq!(
        contents(&elsewhere.evidence.path().join("evidence")).len(),
        4
    );
}

/// The log and its anchor were restored from an old copy.
#[test]
fn a_rollback_is_refused_and_shown() {
    let network = Network::new(30);
    advance(&network.store(), &network.log, 30).unwrap();
    let restored = Network {
        inner: Arc::default(),
        evidence: tempfile::tempdir().unwrap(),
        ..network
    };
    let refused = advance(&restored.store(), &restored.log, 20).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::SplitView);
    assert!(refused.to_string().contains("rolled back"), "{refused}");
    assert_eq!(
        contents(&restored.evidence.path().join("evidence")).len(),
        4
    );
}

/// One witness alone knows the other history: the quorum would be met, and the anchor stays all the same.
#[test]
fn one_witness_that_shows_another_head_is_enough_to_stop_the_anchor() {
    let mut network = Network::new(10);
    let forged = network.log.fork();
    network.log.grow("true", 10);
    forged.grow("forged", 10);
    network.witnesses[0].stop();
    network.witnesses[1].stop();
    let alone = network
        .builder(&forged)
        .on_quorum_missed(OnQuorumMissed::FailOpen)
        .build()
        .unwrap();
    advance(&alone, &forged, 20).unwrap();
    let line = network.log_line();
    network.witnesses[0].resume(&line);
    network.witnesses[1].resume(&line);

    let honest = Network {
        inner: Arc::default(),
        ..network
    };
    let refused = advance(&honest.store(), &honest.log, 20).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::SplitView);
    assert!(refused.to_string().contains("witness w3"), "{refused}");
}
