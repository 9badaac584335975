//! Going on from the state of an earlier verification: the verdict is that of a full one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil_anchor::{AnchorStore, MemoryAnchorStore};
use counterfoil_audit::verify::{
    HeadSource, Reason, Report, StateUse, Verdict, VerifiedState, VerifyOptions, verify_path,
};
use counterfoil_audit::{AuditLog, ErrorKind, Instance};
use counterfoil_core::{ChainId, Head};
use counterfoil_testkit::block_on;

use crate::log_support::{BASE, LONG, context, expired};

/// A log in a temporary directory that is opened, written and closed several times.
struct Grown {
    dir: tempfile::TempDir,
    anchors: Arc<MemoryAnchorStore>,
    openings: u64,
}

impl Grown {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            anchors: Arc::new(MemoryAnchorStore::new()),
            openings: 0,
        }
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Appends so many leases in an opening of their own; the head after it.
    fn grow(&mut self, leases: u64) -> Head {
        self.openings += 1;
        let log = AuditLog::builder(self.log(), BASE)
            .anchor_store(Arc::clone(&self.anchors) as Arc<dyn AnchorStore>)
            .instance(Instance(self.openings))
            .segment_bytes(1)
            .open()
            .unwrap();
        for lease in 1..=leases {
            log.append_event(&expired(lease), &context());
        }
        assert!(log.close(LONG).finished);
        let chain = ChainId::first(BASE).unwrap();
        let anchor = block_on(self.anchors.load(&chain)).unwrap().unwrap();
        anchor.head().clone()
    }

    fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.log().join("segments")).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }
}

fn verify(log: &Path, head: Option<&Head>, state: Option<&VerifiedState>) -> Report {
    let mut options = VerifyOptions::new();
    options.head = head.cloned().map(Into::into);
    options.state = state;
    options.keep_state = true;
    verify_path(log, &options)
}

/// What two verifications of the same log have to agree on.
fn outcome(report: &Report) -> impl PartialEq + std::fmt::Debug {
    (
        report.verdict,
        report.completeness,
        report.lanes.clone(),
        report.end.clone(),
        report.tail,
    )
}

#[test]
fn only_what_is_new_is_read_and_the_verdict_is_that_of_a_full_verification() {
    let mut grown = Grown::new();
    let first = grown.grow(700);
    let mut state = verify(&grown.log(), Some(&first), None).state.unwrap();
    for leases in [0, 1, 300, 700] {
        let before = state.head().unwrap();
        let head = grown.grow(leases);
        let full = verify(&grown.log(), Some(&head), None);
        let resumed = verify(&grown.log(), Some(&head), Some(&state));
        assert_eq!(full.verdict, Verdict::Valid, "{full}");
        assert_eq!(outcome(&resumed), outcome(&full), "{resumed}");
        assert_eq!(resumed.state_used, Some(StateUse::From { seq: before.seq }));
        assert_eq!(resumed.records, head.seq - before.seq + 1);
        assert!(resumed.bytes < full.bytes);
        // What a resumed verification keeps is what a full one keeps.
        assert_eq!(resumed.state, full.state);
        state = resumed.state.unwrap();
        let bytes = state.to_bytes().unwrap();
        assert_eq!(VerifiedState::from_bytes(&bytes).unwrap(), state);
    }
}

#[test]
fn without_a_newer_head_the_state_is_the_head() {
    let mut grown = Grown::new();
    let first = grown.grow(10);
    let state = verify(&grown.log(), Some(&first), None).state.unwrap();
    grown.grow(10);
    let report = verify(&grown.log(), None, Some(&state));
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    assert_eq!(report.head_from, Some(HeadSource::State));
    assert_eq!(report.trusted, Some(first));
    assert!(report.tail.records > 10);
}

#[test]
fn damage_behind_the_state_is_found_as_without_it() {
    let mut grown = Grown::new();
    let first = grown.grow(20);
    let state = verify(&grown.log(), Some(&first), None).state.unwrap();
    let head = grown.grow(20);
    let segment = grown.segments().remove(0);
    let whole = fs::read(&segment).unwrap();
    let lines: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
    let at_head = lines[first.seq as usize - 2] + 1;
    // The record of the head itself, and everything behind it, byte by byte in steps.
    for at in (at_head..whole.len()).step_by(97) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&segment, &changed).unwrap();
        let full = verify(&grown.log(), Some(&head), None);
        let resumed = verify(&grown.log(), Some(&head), Some(&state));
        assert_eq!(full.verdict, Verdict::Tampered);
        assert_eq!(resumed.verdict, full.verdict, "byte {at}: {resumed}");
        assert_eq!(resumed.failures[0].position, full.failures[0].position);
        assert_eq!(resumed.failures[0].reason, full.failures[0].reason);
        assert!(resumed.state.is_none());
    }
}

#[test]
fn a_log_that_goes_on_from_another_record_than_the_states_is_tampering() {
    let (mut one, mut other) = (Grown::new(), Grown::new());
    let first = one.grow(20);
    let state = verify(&one.log(), Some(&first), None).state.unwrap();
    let head = other.grow(21);
    let report = verify(&other.log(), Some(&head), Some(&state));
    assert_eq!(report.verdict, Verdict::Tampered, "{report}");
    let report = verify(&other.log(), None, Some(&state));
    assert_eq!(report.verdict, Verdict::Tampered, "{report}");
}

#[test]
fn a_log_that_lost_what_the_state_saw_is_incomplete() {
    let mut grown = Grown::new();
    let first = grown.grow(20);
    let state = verify(&grown.log(), Some(&first), None).state.unwrap();
    let segment = grown.segments().remove(0);
    let whole = fs::read(&segment).unwrap();
    let last = whole[..whole.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n');
    fs::write(&segment, &whole[..=last.unwrap()]).unwrap();
    let report = verify(&grown.log(), None, Some(&state));
    assert_eq!(report.verdict, Verdict::Incomplete, "{report}");
    assert_eq!(report.failures[0].reason, Reason::Absent);
}

#[test]
fn an_older_head_other_keys_or_another_first_segment_make_it_read_everything() {
    let mut grown = Grown::new();
    let first = grown.grow(700);
    let second = grown.grow(10);
    let state = verify(&grown.log(), Some(&second), None).state.unwrap();
    let all = |report: &Report| matches!(report.state_used, Some(StateUse::ReadAll { .. }));
    let older = verify(&grown.log(), Some(&first), Some(&state));
    assert!(all(&older) && older.verdict == Verdict::Valid, "{older}");
    assert_eq!(older.trusted, Some(second.clone()));

    let mut options = VerifyOptions::new();
    options.hash_only = true;
    options.state = Some(&state);
    assert!(all(&verify_path(&grown.log(), &options)));

    // A segment before the state's head that has another length is looked into, and one that is gone is missed.
    let segment = grown.segments().remove(0);
    let whole = fs::read(&segment).unwrap();
    fs::write(&segment, [&whole[..], b"x\n"].concat()).unwrap();
    let longer = verify(&grown.log(), Some(&second), Some(&state));
    assert!(
        all(&longer) && longer.verdict == Verdict::Tampered,
        "{longer}"
    );
    fs::remove_file(&segment).unwrap();
    let gone = verify(&grown.log(), Some(&second), Some(&state));
    assert!(all(&gone) && gone.verdict == Verdict::Incomplete, "{gone}");
}

#[test]
fn a_state_that_was_cut_or_changed_is_refused() {
    let mut grown = Grown::new();
    let first = grown.grow(3);
    let state = verify(&grown.log(), Some(&first), None).state.unwrap();
    let bytes = state.to_bytes().unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let error = VerifiedState::from_bytes(&changed).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at}: {error}");
        assert!(
            VerifiedState::from_bytes(&bytes[..at]).is_err(),
            "cut at {at}"
        );
    }
}

#[test]
fn a_verification_that_is_not_valid_keeps_no_state() {
    let mut grown = Grown::new();
    grown.grow(3);
    assert!(verify(&grown.log(), None, None).state.is_none());
}
