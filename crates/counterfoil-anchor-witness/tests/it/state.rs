//! What a witness remembers, and what it refuses to begin with.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use counterfoil_anchor_witness::{ErrorKind, FileWitnessStorage, Refusal, Witness};
use counterfoil_core::SystemClock;
use counterfoil_merkle::note::SignedNote;
use counterfoil_merkle::policy::Policy;
use counterfoil_signer::{Ed25519Signer, NullSigner, Signer};

use crate::network::{CHAIN, Log};

fn signer(seed: u8) -> Arc<Ed25519Signer> {
    Arc::new(Ed25519Signer::from_seed("witness.example/w", &[seed; 32]).unwrap())
}

fn policy(text: &str) -> Policy {
    Policy::parse(format!("{text}quorum none\n").as_bytes()).unwrap()
}

fn open(state: &Path, key: u8, log: &Log) -> Witness<FileWitnessStorage> {
    let policy = policy(&format!("log {}\n", log.vkey()));
    let storage = FileWitnessStorage::open(state).unwrap();
    Witness::new(signer(key), &policy, storage, SystemClock::new()).unwrap()
}

fn request(old: u64, note: &SignedNote) -> Vec<u8> {
    format!("old {old}\n\n{}", note.to_text()).into_bytes()
}

fn state_file(state: &Path) -> std::path::PathBuf {
    let mut files = fs::read_dir(state)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .find(|path| path.extension().is_some_and(|it| it == "checkpoint"))
        .unwrap()
}

#[test]
fn what_was_cosigned_is_remembered_by_the_next_process_even_under_another_key() {
    let (log, state) = (Log::new("true", 9), tempfile::tempdir().unwrap());
    let witness = open(state.path(), 9, &log);
    witness.add_checkpoint(&request(0, &log.signed(5))).unwrap();
    drop(witness);
    for key in [9, 10] {
        let witness = open(state.path(), key, &log);
        let refused = witness
            .add_checkpoint(&request(0, &log.signed(7)))
            .unwrap_err();
        assert!(
            matches!(refused, Refusal::WrongSize { size: 5, .. }),
            "{refused}"
        );
        witness.add_checkpoint(&request(5, &log.signed(5))).unwrap();
    }
}

#[test]
fn strangers_lines_under_a_checkpoint_are_not_kept() {
    let (log, state) = (Log::new("true", 9), tempfile::tempdir().unwrap());
    let witness = open(state.path(), 9, &log);
    let mut note = log.signed(5);
    let stranger = Ed25519Signer::from_seed("stranger.example", &[77; 32]).unwrap();
    let line = counterfoil_signer::sign_note_text(&stranger, note.text())
        .unwrap()
        .unwrap();
    note.add_signature(line).unwrap();
    let cosignature = witness.add_checkpoint(&request(0, &note)).unwrap();
    let kept = fs::read_to_string(state_file(state.path())).unwrap();
    assert_eq!(kept, format!("{}{cosignature}\n", log.signed(5).to_text()));
}

#[test]
fn a_state_that_the_witness_did_not_write_stops_it_and_is_left_as_it_is() {
    let (log, state) = (Log::new("true", 9), tempfile::tempdir().unwrap());
    let witness = open(state.path(), 9, &log);
    witness.add_checkpoint(&request(0, &log.signed(5))).unwrap();
    let file = state_file(state.path());
    let good = fs::read_to_string(&file).unwrap();
    for bad in [
        good.replace("\n5\n", "\n4\n"),
        good[..good.len() / 2].to_owned(),
        String::new(),
        good.replace(CHAIN, "audit.example.com/leases/2"),
    ] {
        fs::write(&file, &bad).unwrap();
        let refused = witness
            .add_checkpoint(&request(5, &log.signed(5)))
            .unwrap_err();
        assert_eq!(refused.status(), 500, "{refused}");
        assert!(!refused.body().contains("leases"), "{}", refused.body());
        assert_eq!(fs::read_to_string(&file).unwrap(), bad);
    }
    fs::write(&file, &good).unwrap();
    witness.add_checkpoint(&request(5, &log.signed(5))).unwrap();
}

#[test]
fn a_state_belongs_to_one_witness_at_a_time() {
    let state = tempfile::tempdir().unwrap();
    let first = FileWitnessStorage::open(state.path()).unwrap();
    let refused = FileWitnessStorage::open(state.path()).unwrap_err();
    assert!(
        refused.to_string().contains("another process uses"),
        "{refused}"
    );
    drop(first);
    FileWitnessStorage::open(state.path()).unwrap();
    let nowhere = state.path().join("no/such/directory");
    let refused = FileWitnessStorage::open(nowhere).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Storage);
}

#[test]
fn a_witness_without_a_log_or_a_key_of_its_own_is_refused() {
    let log = Log::new("true", 1);
    let make = |signer: Arc<dyn Signer>, lines: &str| {
        let state = tempfile::tempdir().unwrap();
        let storage = FileWitnessStorage::open(state.path()).unwrap();
        let made = Witness::new(signer, &policy(lines), storage, SystemClock::new());
        made.unwrap_err().to_string()
    };
    let line = format!("log {}\n", log.vkey());
    assert!(make(signer(9), "").contains("names no log"));
    assert!(make(Arc::new(NullSigner), &line).contains("no Ed25519 key"));
    let same_key = make(signer(1), &line);
    assert!(same_key.contains("one key has one role"), "{same_key}");
}
