//! Keys that take over from others, on an open log and when it is opened.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use counterfoil_audit::verify::{GivenHead, Report, VerifyOptions, verify_reader};
use counterfoil_audit::{
    AuditChain, AuditEventData, AuditInput, AuditLog, ConfigChanged, ErrorKind, Instance, KeyRole,
    KeyRotated, Lane, LogOpened, Src, SrcId,
};
use counterfoil_core::Head;
use counterfoil_merkle::CompactRange;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_signer::{NullSigner, sign_checkpoint};

use crate::key_support::{
    Tiring, first_chain, keyring, log_key, read_key, record_key, verify, vkey,
};
use crate::log_support::{LONG, Machine, context, expired, own_kinds};

fn append(log: &AuditLog, leases: std::ops::RangeInclusive<u64>) {
    for lease in leases {
        log.append_event(&expired(lease), &context())
            .wait_durable(LONG)
            .unwrap();
    }
}

fn vkey_of(number: u8) -> String {
    vkey(&*log_key(number)(&first_chain()).unwrap())
}

/// The `key_rotated` records: role, old and new key.
fn rotations(machine: &Machine) -> Vec<(KeyRole, String, String)> {
    machine
        .records()
        .iter()
        .filter_map(|record| match record.data() {
            Ok(AuditEventData::KeyRotated(it)) => Some((it.role, it.old_key, it.new_key)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_verifier_that_trusts_only_the_first_log_key_follows_every_rotation() {
    let mut machine = Machine::new();
    let log = machine.builder().signer(log_key(1)).open().unwrap();
    append(&log, 1..=3);
    for next in 2..=4 {
        let signer = log_key(next)(log.chain()).unwrap();
        log.rotate_signer(signer, Some("yearly".into()), LONG)
            .unwrap();
        append(&log, 1..=2);
    }
    assert!(log.close(LONG).finished);
    let report = verify(&machine, &[vkey_of(1)]);
    assert_eq!(report.exit_code(), 0, "{report}");
    assert_eq!(report.rotations_followed, 3, "{report}");
    assert_eq!(report.signed_by, [vkey_of(4)]);
    for later in 2..=4 {
        let report = verify(&machine, &[vkey_of(later)]);
        assert_eq!(report.exit_code(), 0, "{report}");
    }
    // A key that this log never had is unverifiable and no tampering.
    let report = verify(&machine, &[vkey_of(9)]);
    assert_eq!(report.exit_code(), 5, "{report}");
}

#[test]
fn every_head_is_signed_by_the_key_that_counts_for_its_size() {
    let mut machine = Machine::new();
    let log = machine.builder().signer(log_key(1)).open().unwrap();
    append(&log, 1..=3);
    log.anchor_now(LONG).unwrap();
    assert_eq!(verify(&machine, &[vkey_of(1)]).signed_by, [vkey_of(1)]);
    log.rotate_signer(log_key(2)(log.chain()).unwrap(), None, LONG)
        .unwrap();
    log.anchor_now(LONG).unwrap();
    assert_eq!(verify(&machine, &[vkey_of(2)]).signed_by, [vkey_of(2)]);
    assert!(log.close(LONG).finished);
    assert_eq!(verify(&machine, &[vkey_of(1)]).exit_code(), 0);
}

#[test]
fn the_next_opening_goes_on_with_the_new_key_and_announces_nothing() {
    let mut machine = Machine::new();
    let log = machine.builder().signer(log_key(1)).open().unwrap();
    log.rotate_signer(log_key(2)(log.chain()).unwrap(), None, LONG)
        .unwrap();
    assert!(log.close(LONG).finished);
    let log = machine.builder().signer(log_key(2)).open().unwrap();
    assert_eq!(log.opened().rotation_unfinished, None);
    assert!(log.close(LONG).finished);
    let changes = own_kinds(&machine.records())
        .iter()
        .filter(|kind| *kind == "config_changed")
        .count();
    // The handover, and nothing else.
    assert_eq!(changes, 1);
    assert_eq!(verify(&machine, &[vkey_of(1)]).exit_code(), 0);
}

#[test]
fn a_service_that_is_given_both_keys_rotates_once_however_often_it_starts() {
    let mut machine = Machine::new();
    let open = |machine: &mut Machine| {
        let builder = machine.builder().signer(log_key(1)).next_signer(log_key(2));
        let log = builder.open().unwrap();
        append(&log, 1..=1);
        assert!(log.close(LONG).finished);
    };
    for _ in 0..3 {
        open(&mut machine);
    }
    assert_eq!(
        rotations(&machine),
        [(KeyRole::Log, vkey_of(1), vkey_of(2))]
    );
    assert_eq!(verify(&machine, &[vkey_of(1)]).exit_code(), 0);
}

#[test]
fn a_record_key_is_replaced_and_the_old_one_signs_that() {
    let mut machine = Machine::new();
    let log = machine
        .builder()
        .signer(log_key(1))
        .record_signer(record_key(11))
        .open()
        .unwrap();
    append(&log, 1..=2);
    log.rotate_record_signer(record_key(12)(log.chain()).unwrap(), None, LONG)
        .unwrap();
    append(&log, 3..=4);
    log.rotate_signer(log_key(2)(log.chain()).unwrap(), None, LONG)
        .unwrap();
    assert!(log.close(LONG).finished);
    let record = |number| vkey(&*record_key(number)(&first_chain()).unwrap());
    let report = verify(&machine, &[vkey_of(1), record(11)]);
    assert_eq!(report.exit_code(), 0, "{report}");
    assert_eq!(report.signatures_not_checked, 0, "{report}");
    // Who trusts the new key alone cannot vouch for what was before it.
    assert_eq!(verify(&machine, &[record(12)]).exit_code(), 5);
}

#[test]
fn a_rotation_that_cannot_be_is_refused_and_nothing_is_written() {
    let mut machine = Machine::new();
    let log = machine
        .builder()
        .signer(log_key(1))
        .record_signer(record_key(11))
        .open()
        .unwrap();
    let chain = log.chain().clone();
    let same_bytes = counterfoil_signer::Ed25519Signer::from_seed(chain.as_str(), &[11; 32]);
    let refused = [
        log.rotate_signer(Arc::new(NullSigner), None, LONG),
        log.rotate_signer(record_key(3)(&chain).unwrap(), None, LONG),
        log.rotate_signer(log_key(1)(&chain).unwrap(), None, LONG),
        log.rotate_signer(Arc::new(same_bytes.unwrap()), None, LONG),
        log.rotate_record_signer(log_key(3)(&chain).unwrap(), None, LONG),
        log.rotate_record_signer(record_key(11)(&chain).unwrap(), None, LONG),
    ];
    for outcome in refused {
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert!(log.close(LONG).finished);
    assert_eq!(rotations(&machine), []);
    assert_eq!(
        log.rotate_signer(log_key(2)(&chain).unwrap(), None, LONG)
            .unwrap_err()
            .kind(),
        ErrorKind::Closed
    );

    let mut unsigned = Machine::new();
    let log = unsigned.open();
    let error = log
        .rotate_signer(log_key(2)(log.chain()).unwrap(), None, LONG)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("not signed"), "{error}");
}

#[test]
fn an_old_key_that_does_not_sign_any_more_is_asked_before_anything_is_sealed() {
    let mut machine = Machine::new();
    let tired = move |chain: &counterfoil_core::ChainId| -> crate::key_support::Made {
        Ok(Arc::new(Tiring {
            inner: log_key(1)(chain)?,
            left: AtomicU64::new(0),
        }))
    };
    let log = machine.builder().signer(tired).open().unwrap();
    let error = log
        .rotate_signer(log_key(2)(log.chain()).unwrap(), None, LONG)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Signer);
    log.close(LONG);
    assert_eq!(rotations(&machine), []);
}

#[test]
fn a_rotation_that_a_crash_interrupts_is_whole_undone_or_completed_by_the_next_opening() {
    let mut machine = Machine::new();
    let log = machine.builder().signer(log_key(1)).open().unwrap();
    append(&log, 1..=2);
    machine.files.record();
    log.rotate_signer(log_key(2)(log.chain()).unwrap(), None, LONG)
        .unwrap();
    let moments = machine.files.moments();
    assert!(moments.len() > 4, "{}", moments.len());
    let mut completed = 0;
    for moment in moments {
        for files in [moment.after_power_failure(), moment.after_kill()] {
            let mut machine = machine.unanchored_on(files);
            let builder = machine.builder().signer(log_key(1)).next_signer(log_key(2));
            let log = builder.open().unwrap();
            append(&log, 9..=9);
            assert!(log.close(LONG).finished);
            assert_eq!(rotations(&machine).len(), 1);
            let report = verify(&machine, &[vkey_of(1)]);
            assert_eq!(report.exit_code(), 0, "{report}");
            let before_the_opening = own_kinds(&machine.records())
                .windows(2)
                .any(|pair| pair[0] == "config_changed" && pair[1] == "log_opened");
            completed += u64::from(before_the_opening);
        }
    }
    // The handover of some of them stands in the opening after the crash.
    assert!(completed > 0);
}

#[test]
fn an_opening_without_the_old_key_says_that_the_rotation_is_not_whole() {
    let mut machine = Machine::new();
    let log = machine.builder().signer(log_key(1)).open().unwrap();
    append(&log, 1..=2);
    machine.files.record();
    let rotated = log
        .rotate_signer(log_key(2)(log.chain()).unwrap(), None, LONG)
        .unwrap();
    let moments = machine.files.moments();
    let unfinished = moments.into_iter().find_map(|moment| {
        let mut machine = machine.unanchored_on(moment.after_kill());
        let log = machine.builder().signer(log_key(2)).open().unwrap();
        let unfinished = log.opened().rotation_unfinished?;
        assert!(log.close(LONG).finished);
        assert_eq!(unfinished, rotated);
        // Nobody follows a key that the old one did not vouch for.
        assert_eq!(verify(&machine, &[vkey_of(1)]).exit_code(), 5);
        assert_eq!(verify(&machine, &[vkey_of(2)]).exit_code(), 0);
        // With both, it is completed.
        let builder = machine.builder().signer(log_key(1)).next_signer(log_key(2));
        assert!(builder.open().unwrap().close(LONG).finished);
        assert_eq!(verify(&machine, &[vkey_of(1)]).exit_code(), 0);
        Some(unfinished)
    });
    assert!(unfinished.is_some());
}

#[test]
fn a_key_that_was_replaced_hands_over_to_nobody_else() {
    let report = gone_on_by_the_first_key(true);
    assert_eq!(report.exit_code(), 5, "{report}");
    assert_eq!(report.rotations_followed, 1);
}

#[test]
fn a_key_that_was_replaced_is_not_brought_back_by_an_announcement() {
    let report = gone_on_by_the_first_key(false);
    assert_eq!(report.exit_code(), 5, "{report}");
}

/// What a verifier that was given the first key says to a log in which it was replaced, and which somebody who took it then went
/// on with: rotated to a key of his own, or announced that the first key is in force again.
fn gone_on_by_the_first_key(rotates: bool) -> Report {
    let mut machine = Machine::new();
    let log = machine.builder().signer(log_key(1)).open().unwrap();
    append(&log, 1..=2);
    let next = log_key(2)(&first_chain()).unwrap();
    log.rotate_signer(next, None, LONG).unwrap();
    assert!(log.close(LONG).finished);
    let report = verify(&machine, &[vkey_of(1)]);
    assert_eq!(report.exit_code(), 0, "{report}");

    // Who took the first key, after it was replaced, and the disk goes on with the log.
    let mut bytes = machine.files.log_bytes(&machine.dir);
    let records = machine.records();
    let last = records.last().unwrap();
    let mut tree = CompactRange::new();
    tree.extend(&records.iter().map(|it| it.hash()).collect::<Vec<_>>());
    let head = Head {
        chain: first_chain(),
        seq: last.seq(),
        hash: last.hash(),
        root: None,
    };
    let now = last.time();
    let mut chain = AuditChain::resume(&head, now, tree).unwrap();
    let opened = records.iter().find_map(|it| match it.data() {
        Ok(AuditEventData::LogOpened(opened)) => Some(opened),
        _ => None,
    });
    let opened = AuditEventData::LogOpened(LogOpened {
        keys: vec![vkey_of(if rotates { 2 } else { 1 })],
        ..opened.unwrap()
    });
    let mut seal = |chain: &mut AuditChain, data, n| {
        let id = SrcId::new(Instance(0xf0), Lane::sealer());
        let src = Src { id, n, time: now };
        chain
            .seal(&mut bytes, &AuditInput::new(data, src), now)
            .unwrap();
    };
    let changed = |key: &str, new_value: Option<String>| {
        AuditEventData::ConfigChanged(ConfigChanged {
            key: key.to_owned(),
            new_value: new_value.map(Into::into),
            old_value: None,
        })
    };
    seal(&mut chain, changed("keys", None), 1);
    seal(&mut chain, opened, 2);
    let rotated = AuditEventData::KeyRotated(KeyRotated {
        new_key: vkey_of(3),
        old_key: vkey_of(1),
        reason: None,
        role: KeyRole::Log,
    });
    if rotates {
        seal(&mut chain, rotated, 3);
    }
    let note = |chain: &mut AuditChain, number: u8| {
        let head = chain.head().unwrap();
        let checkpoint = Checkpoint::new(head.chain.as_str(), head.seq, head.root.unwrap());
        let signer = log_key(number)(&first_chain()).unwrap();
        let note = sign_checkpoint(&*signer, &checkpoint.unwrap()).unwrap();
        note.unwrap().to_text()
    };
    if rotates {
        let handover = note(&mut chain, 1);
        seal(&mut chain, changed("keys.handover", Some(handover)), 4);
    }
    let keyring = keyring(&[vkey_of(1)]);
    let mut options = VerifyOptions::new();
    options.head = Some(GivenHead {
        head: chain.head().unwrap(),
        checkpoint: Some(note(&mut chain, if rotates { 3 } else { 1 })),
    });
    options.keys = &keyring;
    options.key_reader = Some(read_key);
    verify_reader(&bytes[..], "log", &options)
}
