//! Disks and anchor stores that fail: nothing is acknowledged that is not kept, and nothing acknowledged is lost.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use counterfoil_anchor::{Anchor, AnchorStore, Error as AnchorError, MemoryAnchorStore};
use counterfoil_audit::{AuditLog, ErrorKind, FileSystem, Instance, OnConflict, OnFailure};
use counterfoil_core::{ChainId, Digest, Head};
use counterfoil_testkit::block_on;

use crate::log_support::{
    BASE, LONG, Machine, check_tiling, context, expired, leases, own_kinds, records,
};
use counterfoil_testkit::files::{Faults, MemFiles};

/// Appends leases one by one; those that were acknowledged as durable.
fn append_until_refused(log: &AuditLog, most: u64) -> Vec<u64> {
    (1..=most)
        .take_while(|lease| {
            log.append_event(&expired(*lease), &context())
                .wait_durable(LONG)
                .is_ok()
        })
        .collect()
}

#[test]
fn a_failed_sync_acknowledges_nothing_and_the_tail_is_appended_again_byte_for_byte() {
    for good in 0..6 {
        let mut machine = Machine::new();
        let log = machine.open();
        machine.files.set(Faults {
            failing_syncs: Some((good, 1)),
            ..Faults::default()
        });
        for lease in 1..=10 {
            let ticket = log.append_event(&expired(lease), &context());
            ticket.wait_durable(LONG).unwrap();
            // Whatever happens now, this record is there.
            let crashed = machine.after_power_failure();
            assert!(
                leases(&crashed.records()).contains(&lease),
                "lease {lease} was acknowledged and lost, sync {good} failing"
            );
        }
        assert_eq!(log.figures().poisoned_segments, 1);
        assert!(log.figures().alarm.is_some());
        assert!(log.close(LONG).finished);
        let records = machine.records();
        assert_eq!(leases(&records), (1..=10).collect::<Vec<_>>());
        check_tiling(&records);
    }
}

#[test]
fn a_sync_that_fails_while_the_log_closes_is_mended_too() {
    let mut machine = Machine::new();
    let log = machine.open();
    assert_eq!(append_until_refused(&log, 2).len(), 2);
    machine.files.set(Faults {
        failing_syncs: Some((0, 1)),
        ..Faults::default()
    });
    assert!(log.close(LONG).finished);
    assert_eq!(log.figures().poisoned_segments, 1);
    let records = machine.after_power_failure().records();
    assert_eq!(leases(&records), [1, 2]);
    assert_eq!(own_kinds(&records).last().unwrap(), "log_closed");
}

#[test]
fn pages_whose_write_back_failed_in_an_earlier_process_are_not_built_upon() {
    let mut machine = Machine::new();
    let log = machine.open();
    assert_eq!(append_until_refused(&log, 2).len(), 2);
    // The next write succeeds, its sync fails, and then the process dies: nobody knows of the failure any more.
    machine.files.set(Faults {
        failing_syncs: Some((0, 1)),
        dies_at: Some(machine.files.operations() + 2),
        ..Faults::default()
    });
    log.append_event(&expired(3), &context())
        .wait_durable(LONG)
        .unwrap_err();
    let mut machine = machine.after_kill();
    let log = machine.open();
    log.append_event(&expired(4), &context())
        .wait_durable(LONG)
        .unwrap();
    assert_eq!(
        leases(&machine.after_power_failure().records()),
        [1, 2, 3, 4]
    );
}

#[test]
fn a_segment_that_cannot_be_replaced_stops_the_log_and_keeps_what_was_acknowledged() {
    for policy in [OnFailure::Refuse, OnFailure::DropAndCount] {
        let mut machine = Machine::new();
        let log = machine.builder().on_failure(policy).open().unwrap();
        machine.files.set(Faults {
            failing_syncs: Some((3, 1_000)),
            ..Faults::default()
        });
        let kept = append_until_refused(&log, 100);
        let failing = log.append_event(&expired(999), &context());
        let error = failing.wait_durable(LONG).unwrap_err();
        match policy {
            OnFailure::Refuse => {
                assert_eq!(error.kind(), ErrorKind::Io);
                assert!(error.to_string().contains("stopped"), "{error}");
                assert!(log.figures().rejected > 0);
            }
            OnFailure::DropAndCount => {
                assert_eq!(error.kind(), ErrorKind::Full);
                assert!(log.figures().dropped > 0);
            }
        }
        assert!(!log.close(LONG).finished);
        drop(log);
        for mut machine in [machine.after_power_failure(), machine.after_kill()] {
            let log = machine.open();
            assert!(log.opened().unclean.is_some());
            assert!(log.close(LONG).finished);
            assert!(leases(&machine.records()).starts_with(&kept), "{kept:?}");
        }
    }
}

#[test]
fn a_full_disk_is_named_and_the_log_goes_on_when_it_is_opened_with_room() {
    let mut machine = Machine::new();
    let log = machine.open();
    machine.files.set(Faults {
        space: Some(5_000),
        ..Faults::default()
    });
    let kept = append_until_refused(&log, 1_000);
    assert!(!kept.is_empty() && kept.len() < 20);
    let alarm = log.figures().alarm.unwrap();
    assert!(alarm.contains("could not be written"), "{alarm}");
    assert!(alarm.contains("free or repair the disk"), "{alarm}");
    let report = log.close(LONG);
    assert!(!report.finished);
    // What was acknowledged is anchored, although no anchor was due, and the attempt to mend takes up no room.
    assert_eq!(report.left_unanchored, 0);
    let anchor = block_on(machine.anchors.load(log.chain()))
        .unwrap()
        .unwrap();
    assert_eq!(anchor.head().seq, report.durable_seq);
    let left = machine.files.list(&machine.dir.join("segments")).unwrap();
    assert_eq!(left, ["00000000000000000001.jsonl"]);
    drop(log);
    // The root in that anchor is compared with the log's by this opening.
    let mut machine = machine.after_power_failure();
    let log = machine.open();
    log.append_event(&expired(5_000), &context())
        .wait_durable(LONG)
        .unwrap();
    assert!(log.close(LONG).finished);
    let found = leases(&machine.records());
    assert!(
        found.starts_with(&kept) && found.ends_with(&[5_000]),
        "{found:?}"
    );
}

#[test]
fn short_writes_are_continued() {
    let mut machine = Machine::new();
    machine.files.set(Faults {
        longest_write: Some(7),
        ..Faults::default()
    });
    let log = machine.open();
    assert_eq!(append_until_refused(&log, 5).len(), 5);
    assert!(log.close(LONG).finished);
    assert_eq!(leases(&machine.records()), [1, 2, 3, 4, 5]);
}

#[test]
fn a_segment_that_somebody_removed_is_put_back_whole() {
    let mut machine = Machine::new();
    let log = machine.open();
    assert_eq!(append_until_refused(&log, 3).len(), 3);
    machine.files.delete(&machine.segment(1));
    log.append_event(&expired(4), &context())
        .wait_durable(LONG)
        .unwrap();
    let alarm = log.figures().alarm.unwrap();
    assert!(alarm.contains("removed or replaced"), "{alarm}");
    assert_eq!(
        leases(&machine.after_power_failure().records()),
        [1, 2, 3, 4]
    );
    assert!(log.close(LONG).finished);
}

#[test]
fn a_second_writer_is_refused_and_the_first_goes_on() {
    let mut machine = Machine::new();
    let log = machine.open();
    let error = machine.builder().open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("one writer"), "{error}");
    assert_eq!(append_until_refused(&log, 1).len(), 1);
    drop(log);
    machine.open();
}

/// Somebody else's head of our chain.
fn foreign(chain: &ChainId, seq: u64) -> Anchor {
    Anchor::new(Head {
        chain: chain.clone(),
        seq,
        hash: Digest::from_bytes([9; 32]),
        root: None,
    })
    .unwrap()
}

#[test]
fn a_moved_anchor_stops_the_log_unless_it_may_go_on_unanchored() {
    for policy in [OnConflict::Fail, OnConflict::ContinueUnanchored] {
        let mut machine = Machine::new();
        let log = machine.builder().on_conflict(policy).open().unwrap();
        block_on(
            machine
                .anchors
                .advance(log.chain(), None, &foreign(log.chain(), 5_000)),
        )
        .unwrap();
        let error = log.anchor_now(Duration::from_secs(2)).unwrap_err();
        assert!(error.to_string().contains("another writer"), "{error}");
        let appended = log.append_event(&expired(1), &context()).wait_durable(LONG);
        assert_eq!(appended.is_ok(), policy == OnConflict::ContinueUnanchored);
        assert!(log.figures().alarm.is_some());
    }
}

/// A store that is away for a while, or whose answers are lost.
#[derive(Debug)]
struct Shaky {
    inner: MemoryAnchorStore,
    away: AtomicBool,
    mute: AtomicBool,
}

#[async_trait]
impl AnchorStore for Shaky {
    async fn load(&self, chain: &ChainId) -> Result<Option<Anchor>, AnchorError> {
        self.inner.load(chain).await
    }

    async fn advance(
        &self,
        chain: &ChainId,
        expected: Option<&Head>,
        next: &Anchor,
    ) -> Result<Anchor, AnchorError> {
        let lost = || AnchorError::unavailable("advance", "the store", io::Error::other("away"));
        if self.away.load(Ordering::SeqCst) {
            return Err(lost());
        }
        let stored = self.inner.advance(chain, expected, next).await?;
        if self.mute.load(Ordering::SeqCst) {
            return Err(lost());
        }
        Ok(stored)
    }
}

#[test]
fn a_store_that_was_away_or_whose_answer_was_lost_is_caught_up_with() {
    let store = Arc::new(Shaky {
        inner: MemoryAnchorStore::new(),
        away: AtomicBool::new(true),
        mute: AtomicBool::new(false),
    });
    let files = MemFiles::default();
    let log = AuditLog::builder("/log", BASE)
        .file_system(Arc::new(files.clone()))
        .anchor_store(store.clone())
        .instance(Instance(1))
        .open()
        .unwrap();
    let impatient = Duration::from_millis(200);
    assert!(log.anchor_now(impatient).is_err());
    assert!(log.figures().alarm.unwrap().contains("the store"));
    store.away.store(false, Ordering::SeqCst);
    store.mute.store(true, Ordering::SeqCst);
    log.append_event(&expired(1), &context());
    assert!(log.anchor_now(impatient).is_err());
    // The store holds that head now, and nobody told us.
    store.mute.store(false, Ordering::SeqCst);
    log.append_event(&expired(2), &context());
    let head = log.anchor_now(LONG).unwrap();
    let stored = block_on(store.load(log.chain())).unwrap().unwrap();
    assert_eq!(stored.head(), &head);
    assert_eq!(log.figures().alarm, None);
    assert!(log.close(LONG).finished);
}

#[test]
fn a_head_that_could_not_be_anchored_is_tried_again_although_no_record_follows() {
    let store = Arc::new(Shaky {
        inner: MemoryAnchorStore::new(),
        away: AtomicBool::new(true),
        mute: AtomicBool::new(false),
    });
    let log = AuditLog::builder("/log", BASE)
        .file_system(Arc::new(MemFiles::default()))
        .anchor_store(store.clone())
        .anchor_interval(Duration::from_millis(20))
        .instance(Instance(1))
        .open()
        .unwrap();
    assert!(log.anchor_now(Duration::from_millis(200)).is_err());
    store.away.store(false, Ordering::SeqCst);
    while log.figures().anchored_seq < log.figures().durable_seq {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(log.figures().alarm, None);
}

#[test]
fn a_lane_that_ended_while_the_log_was_full_is_still_accounted_for() {
    let mut machine = Machine::new();
    let log = Arc::new(machine.builder().queue_words(64).open().unwrap());
    // The sealer cannot keep up with a queue of four entries; the thread ends with refusals as its last act.
    let refused: usize = (0..50)
        .map(|_| {
            let log = Arc::clone(&log);
            std::thread::spawn(move || {
                (0..100)
                    .filter(|lease| {
                        log.append_event(&expired(*lease), &context())
                            .queued()
                            .is_err()
                    })
                    .count()
            })
            .join()
            .unwrap()
        })
        .sum();
    assert!(log.close(LONG).finished);
    let records = machine.records();
    assert_eq!(check_tiling(&records), refused as u64);
    assert_eq!(leases(&records).len() + refused, 5_000);
}

#[test]
fn a_log_that_is_dropped_is_closed() {
    let mut machine = Machine::new();
    drop(machine.open());
    let records = records(&machine.files.log_bytes(&machine.dir));
    assert_eq!(own_kinds(&records).last().unwrap(), "log_closed");
}
