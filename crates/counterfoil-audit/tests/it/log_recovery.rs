//! Opening a log again: each cell of the table, each byte of a torn tail, and crashes at each operation.

use std::path::PathBuf;
use std::sync::Arc;

use counterfoil_audit::{
    AuditEventData, AuditLog, AuditRecord, ChainRestartReason, ErrorKind, RecoveryReason,
};
use counterfoil_signer::Ed25519Signer;

use crate::log_support::{LONG, Machine, check_tiling, context, expired, leases, own_kinds};
use counterfoil_testkit::files::Faults;

/// A machine on which leases 1 to `count` were recorded and the log closed.
fn recorded(count: u64) -> Machine {
    let mut machine = Machine::new();
    append(&machine.open(), 1..=count);
    machine
}

fn append(log: &AuditLog, leases: impl IntoIterator<Item = u64>) {
    for lease in leases {
        log.append_event(&expired(lease), &context())
            .wait_durable(LONG)
            .unwrap();
    }
}

/// Opens, appends one lease, closes; the records.
fn go_on(machine: &mut Machine, lease: u64) -> Vec<AuditRecord> {
    let log = machine.open();
    append(&log, [lease]);
    assert!(log.close(LONG).finished);
    machine.records()
}

/// Copies of the segments and everything else a refusal must not touch.
fn bytes(machine: &Machine) -> Vec<u8> {
    machine.files.log_bytes(&machine.dir)
}

#[test]
fn missing_anchor_and_absent_log_begin_incarnation_1() {
    let mut machine = Machine::new();
    let log = machine.open();
    assert_eq!(log.chain().incarnation(), 1);
    assert_eq!(log.opened().resumed_seq, 0);
    assert_eq!(log.opened().anchored, None);
}

#[test]
fn missing_anchor_and_present_log_resume_and_the_record_shows_it() {
    let mut machine = recorded(3).unanchored();
    let records = go_on(&mut machine, 4);
    assert_eq!(leases(&records), [1, 2, 3, 4]);
    check_tiling(&records);
    let opened: Vec<_> = records
        .iter()
        .filter_map(|record| match record.data() {
            Ok(AuditEventData::LogOpened(opened)) => Some(opened),
            _ => None,
        })
        .collect();
    assert_eq!(opened.len(), 2);
    assert_eq!(opened[1].anchored_seq, None);
    assert_eq!(opened[1].resumed_seq, 7);
    assert_eq!(opened[1].unclean, None);
}

#[test]
fn equal_anchor_resumes() {
    let mut machine = recorded(3);
    let log = machine.open();
    assert_eq!(log.opened().anchored.as_ref().unwrap().seq, 7);
    assert_eq!(log.opened().resumed_seq, 7);
    assert_eq!(log.opened().unclean, None);
}

#[test]
fn anchor_behind_resumes_and_an_unclean_end_is_bounded() {
    let mut machine = Machine::new();
    let log = machine.open();
    append(&log, 1..=3);
    log.anchor_now(LONG).unwrap();
    append(&log, 4..=5);
    let mut crashed = machine.after_power_failure();
    let records = go_on(&mut crashed, 6);
    assert_eq!(leases(&records), [1, 2, 3, 4, 5, 6]);
    let unclean = records
        .iter()
        .find_map(|record| match record.data() {
            Ok(AuditEventData::LogOpened(opened)) => opened.unclean,
            _ => None,
        })
        .unwrap();
    assert_eq!(unclean.instance.to_string(), "0000000000000001");
    assert!(unclean.bound_records.unwrap() > 0);
    assert_eq!(
        unclean.lanes.values().sum::<u64>(),
        5 + 2,
        "{:?}",
        unclean.lanes
    );
    check_tiling(&records);
}

#[test]
fn anchor_ahead_of_a_present_log_refuses_and_changes_nothing() {
    let mut machine = recorded(5);
    let segment = machine.segment(1);
    machine.files.tamper(&segment, |bytes| {
        let end = bytes[..bytes.len() - 1]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .unwrap();
        bytes.truncate(end + 1);
    });
    let before = bytes(&machine);
    let error = machine.builder().open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(error.to_string().contains("ends at record 8"), "{error}");
    assert_eq!(bytes(&machine), before);
}

#[test]
fn anchor_ahead_of_an_absent_log_refuses() {
    let mut machine = recorded(5);
    machine.files.delete(&machine.segment(1));
    let error = machine.builder().open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(error.to_string().contains("open_or_restart"), "{error}");
}

#[test]
fn a_log_that_was_exchanged_for_another_valid_one_refuses() {
    let machine = recorded(5);
    // The same number of records, from elsewhere.
    let other = {
        let mut other = Machine::new();
        append(&other.open(), 11..=15);
        other
    };
    let content = bytes(&other);
    machine
        .files
        .tamper(&machine.segment(1), |bytes| *bytes = content);
    let error = machine
        .on(machine.files.clone())
        .builder()
        .open()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("anchor vouches"), "{error}");
}

#[test]
fn any_changed_byte_at_or_below_the_mark_refuses_and_changes_nothing() {
    let machine = recorded(2);
    let len = bytes(&machine).len();
    for at in (0..len).step_by(7) {
        let mut changed = machine.after_kill();
        let segment = changed.segment(1);
        changed.files.tamper(&segment, |bytes| bytes[at] ^= 1);
        let before = bytes(&changed);
        let error = changed.builder().open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at}: {error}");
        assert_eq!(bytes(&changed), before);
    }
}

#[test]
fn without_an_anchor_the_note_in_the_lock_file_guards_what_was_acknowledged() {
    let machine = recorded(2);
    let mut changed = machine.after_kill().unanchored();
    let segment = changed.segment(1);
    changed.files.tamper(&segment, |bytes| {
        let at = bytes.len() - 100;
        bytes[at] ^= 1;
    });
    let error = changed.builder().open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[test]
fn a_published_checkpoint_guards_as_an_anchor_does() {
    let mut machine = Machine::new();
    let signed = |machine: &mut Machine| {
        machine.builder().signer(|chain| {
            Ok(Arc::new(Ed25519Signer::from_seed(
                chain.as_str(),
                &[7; 32],
            )?))
        })
    };
    let log = signed(&mut machine).open().unwrap();
    append(&log, 1..=3);
    assert!(log.close(LONG).finished);
    drop(log);
    let mut machine = machine.unanchored();
    machine.files.delete(&PathBuf::from("/log/lock"));
    // As it is, it opens; and going unsigned from now on is announced.
    let mut resumed = machine.after_kill();
    let records = go_on(&mut resumed, 4);
    let announced = records.iter().any(|record| {
        matches!(record.data(), Ok(AuditEventData::ConfigChanged(change)) if change.key == "mode")
    });
    assert!(announced, "{:?}", own_kinds(&records));
    let segment = machine.segment(1);
    machine.files.tamper(&segment, |bytes| {
        let at = bytes.len() - 100;
        bytes[at] ^= 1;
    });
    let error = signed(&mut machine).open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[test]
fn a_torn_tail_is_cut_at_every_byte_moved_aside_and_declared() {
    let mut machine = Machine::new();
    let log = machine.open();
    append(&log, 1..=3);
    let head = log.anchor_now(LONG).unwrap();
    append(&log, 4..=5);
    let crashed = machine.after_power_failure();
    drop(log);
    let whole = bytes(&crashed);
    let ends: Vec<usize> = whole
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at + 1)
        .collect();
    let anchored = ends[4];
    for len in anchored..whole.len() {
        let mut torn = crashed.after_kill().anchored_at(&head);
        torn.files.delete(&PathBuf::from("/log/lock"));
        let segment = torn.segment(1);
        torn.files.tamper(&segment, |bytes| bytes.truncate(len));
        let records = go_on(&mut torn, 9);
        let kept = ends.iter().filter(|end| **end <= len).count() as u64;
        let expected: Vec<u64> = (1..=kept - 2).chain([9]).collect();
        assert_eq!(leases(&records), expected, "cut at {len}");
        let declared: Vec<_> = records
            .iter()
            .filter_map(|record| match record.data() {
                Ok(AuditEventData::TailRecovered(tail)) => Some(tail),
                _ => None,
            })
            .collect();
        if ends.contains(&len) {
            assert!(declared.is_empty());
            continue;
        }
        let start = ends[kept as usize - 1];
        let [tail] = declared.as_slice() else {
            panic!("{declared:?}")
        };
        assert_eq!(tail.first_seq, kept + 1);
        assert_eq!(tail.bytes, (len - start) as u64);
        assert_eq!(tail.reason, RecoveryReason::Torn);
        let file = torn.dir.join("quarantine").join(&tail.file);
        let moved = counterfoil_audit::FileSystem::read(&torn.files, &file).unwrap();
        assert_eq!(moved, whole[start..len]);
    }
}

#[test]
fn valid_lines_after_a_bad_one_go_with_it() {
    let mut machine = Machine::new();
    let log = machine.open();
    append(&log, 1..=4);
    let mut crashed = machine.after_power_failure().unanchored();
    drop(log);
    crashed.files.delete(&PathBuf::from("/log/lock"));
    let segment = crashed.segment(1);
    crashed.files.tamper(&segment, |bytes| {
        let at = bytes
            .windows(11)
            .position(|window| window == b"\"lease\":\"3\"")
            .unwrap();
        bytes[at + 9] = b'8';
    });
    let log = crashed.open();
    let [tail] = log.opened().recovered.as_slice() else {
        panic!("{:?}", log.opened())
    };
    assert_eq!(
        (tail.first_seq, tail.lines, tail.reason),
        (5, 2, RecoveryReason::Hash)
    );
    assert!(log.close(LONG).finished);
    assert_eq!(leases(&crashed.records()), [1, 2]);
}

#[test]
fn a_log_that_is_refused_can_be_restarted_and_is_kept_as_it_was() {
    let mut machine = recorded(5);
    let segment = machine.segment(1);
    machine.files.tamper(&segment, |bytes| bytes[300] ^= 1);
    let before = bytes(&machine);
    let log = machine.builder().open_or_restart().unwrap();
    let restarted = log.opened().restarted.clone().unwrap();
    assert_eq!(restarted.reason, ChainRestartReason::LogDamaged);
    assert_eq!(restarted.old_seq, 9);
    assert_eq!(log.chain().incarnation(), 2);
    append(&log, [6]);
    assert!(log.close(LONG).finished);
    drop(log);
    let aside = PathBuf::from("/log/quarantine/incarnation-1");
    assert_eq!(machine.files.log_bytes(&aside), before);
    // From now on the new incarnation is the log, for the strict way of opening too.
    let records = go_on(&mut machine, 7);
    assert_eq!(leases(&records), [6, 7]);
    assert_eq!(
        own_kinds(&records)[..3],
        ["log_opened", "chain_restarted", "producer_opened"]
    );
    check_tiling(&records);
}

#[test]
fn a_log_whose_files_are_gone_goes_on_as_the_next_incarnation_when_asked_to() {
    let mut machine = recorded(5);
    machine.files.delete(&machine.segment(1));
    let log = machine.builder().open_or_restart().unwrap();
    let restarted = log.opened().restarted.clone().unwrap();
    assert_eq!(restarted.reason, ChainRestartReason::LogAbsent);
    assert_eq!((restarted.old_seq, log.chain().incarnation()), (9, 2));
    // Without an anchor, the trace that is left still prevents that a chain begins again under its id.
    let mut machine = recorded(5).unanchored();
    machine.files.delete(&machine.segment(1));
    machine.files.delete(&PathBuf::from("/log/lock"));
    let log = machine.open();
    assert_eq!(log.chain().incarnation(), 2);
    assert_eq!(log.opened().restarted.as_ref().unwrap().old_seq, 0);
}

#[test]
fn a_log_spans_segments_that_end_at_multiples_of_256_and_a_missing_one_is_noticed() {
    let mut machine = Machine::new();
    let log = machine.builder().segment_bytes(10_000).open().unwrap();
    for lease in 1..=1_000 {
        log.append_event(&expired(lease), &context());
    }
    assert!(log.close(LONG).finished);
    drop(log);
    for first in [1, 257, 513, 769] {
        assert!(
            counterfoil_audit::FileSystem::read(&machine.files, &machine.segment(first)).is_ok()
        );
    }
    let records = go_on(&mut machine, 1_001);
    assert_eq!(leases(&records), (1..=1_001).collect::<Vec<_>>());
    check_tiling(&records);
    machine.files.delete(&machine.segment(257));
    let error = machine.builder().open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn a_crash_at_any_operation_of_opening_and_appending_keeps_what_was_acknowledged() {
    // How many operations there are.
    let operations = {
        let mut machine = Machine::new();
        life(&mut machine);
        machine.files.operations()
    };
    for last in 0..operations {
        let mut machine = Machine::new();
        machine.files.set(Faults {
            dies_at: Some(last),
            ..Faults::default()
        });
        let acknowledged = life(&mut machine);
        for kept in [0, 1, 300, usize::MAX] {
            // The machine starts again, and dies again while it recovers.
            let mut again = machine.on(machine.files.after_power_failure_with(kept));
            again.files.set(Faults {
                dies_at: Some(last % 23),
                ..Faults::default()
            });
            drop(again.builder().open_or_restart());
            let mut third = again.on(again.files.after_power_failure_with(kept));
            let log = third
                .builder()
                .open()
                .unwrap_or_else(|error| panic!("after operation {last}, {kept}: {error}"));
            assert!(log.close(LONG).finished);
            let found = leases(&third.records());
            assert!(
                acknowledged.iter().all(|lease| found.contains(lease)),
                "after operation {last}: {acknowledged:?} were acknowledged, {found:?} are there"
            );
        }
    }
}

#[test]
fn a_directory_whose_creator_was_killed_before_it_synced_the_name_is_kept_all_the_same() {
    let mut machine = Machine::new();
    machine.files.set(Faults {
        dies_at: Some(1),
        ..Faults::default()
    });
    machine.builder().open().unwrap_err();
    let mut machine = machine.after_kill();
    append(&machine.open(), [1]);
    assert_eq!(leases(&machine.after_power_failure().records()), [1]);
}

/// Opens, appends, rotates, opens again; the leases that were acknowledged before the end.
fn life(machine: &mut Machine) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    for opening in 0..2 {
        let Ok(log) = machine.builder().segment_bytes(1_000).open() else {
            return acknowledged;
        };
        for lease in 1..=4 {
            let lease = opening * 10 + lease;
            if log
                .append_event(&expired(lease), &context())
                .wait_durable(LONG)
                .is_ok()
            {
                acknowledged.push(lease);
            }
        }
    }
    acknowledged
}

#[test]
fn one_key_in_two_roles_is_refused_and_two_keys_open_the_log_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let open = |record_seed: u8| {
        AuditLog::builder(directory.path().join("audit"), "audit.example.com/test")
            .signer(|id| Ok(Arc::new(Ed25519Signer::from_seed(id.as_str(), &[7; 32])?)))
            .record_signer(move |id| {
                let name = format!("{id}/record");
                Ok(Arc::new(Ed25519Signer::from_seed(
                    &name,
                    &[record_seed; 32],
                )?))
            })
            .open()
    };
    let error = open(7).unwrap_err();
    assert!(
        error.to_string().contains("one key has one role"),
        "{error}"
    );
    assert_eq!(open(8).unwrap().opened().resumed_seq, 0);
}
