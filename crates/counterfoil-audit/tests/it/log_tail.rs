//! Following the log of another process: nothing is left out, doubled, or given before it is whole.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use counterfoil_anchor::MemoryAnchorStore;
use counterfoil_audit::{AuditLog, AuditLogBuilder, ErrorKind, LogTail, Retention};

use crate::log_support::{BASE, LONG, bytes_on_disk, context, expired};

/// Segments of 256 records.
fn builder(dir: &Path) -> AuditLogBuilder {
    AuditLog::builder(dir, BASE)
        .anchor_store(Arc::new(MemoryAnchorStore::new()))
        .segment_bytes(1)
}

fn append(log: &AuditLog, from: u64, to: u64) {
    for lease in from..=to {
        let ticket = log.append_event(&expired(lease), &context());
        if lease == to {
            ticket.wait_durable(LONG).unwrap();
        }
    }
}

/// Everything that is there, in pieces; the numbers have to follow each other.
fn drain(tail: &mut LogTail) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let (next, missed) = (tail.next(), tail.missed());
        let read = tail.read(1).unwrap();
        if read.records == 0 {
            return all;
        }
        assert_eq!(read.first, next + tail.missed() - missed);
        assert_eq!(tail.next(), read.first + read.records);
        all.extend(read.lines);
    }
}

#[test]
fn what_is_written_meanwhile_comes_over_all_segments_without_gap_or_repetition() {
    let dir = tempfile::tempdir().unwrap();
    let mut tail = LogTail::new(dir.path(), 0);
    assert_eq!(drain(&mut tail), b"", "there is no log yet");
    let log = builder(dir.path()).open().unwrap();
    let mut all = Vec::new();
    for round in 0..8 {
        append(&log, round * 170 + 1, (round + 1) * 170);
        all.extend(drain(&mut tail));
    }
    assert!(log.close(LONG).finished);
    all.extend(drain(&mut tail));
    assert!(fs::read_dir(dir.path().join("segments")).unwrap().count() > 3);
    assert!(all == bytes_on_disk(dir.path()));
    assert_eq!(tail.missed(), 0);
}

#[test]
fn a_tail_that_is_begun_again_goes_on_behind_the_record_it_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let log = builder(dir.path()).open().unwrap();
    append(&log, 1, 600);
    assert!(log.close(LONG).finished);
    let whole = bytes_on_disk(dir.path());
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    for after in [0, 1, 255, 256, 257, 511, 512, 600, lines.len()] {
        let mut tail = LogTail::new(dir.path(), after as u64);
        assert!(
            drain(&mut tail) == lines[after..].concat(),
            "behind {after}"
        );
    }
    let mut ahead = LogTail::new(dir.path(), lines.len() as u64 + 1);
    assert_eq!(ahead.read(1).unwrap_err().kind(), ErrorKind::Missing);
}

#[test]
fn a_line_that_is_not_whole_waits_for_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let log = builder(dir.path()).open().unwrap();
    append(&log, 1, 20);
    assert!(log.close(LONG).finished);
    let segment = dir.path().join("segments/00000000000000000001.jsonl");
    let whole = fs::read(&segment).unwrap();
    let cut = whole.len() - 30;
    fs::write(&segment, &whole[..cut]).unwrap();
    let mut tail = LogTail::new(dir.path(), 0);
    let before = drain(&mut tail);
    assert!(before.ends_with(b"\n") && before.len() < cut);
    fs::write(&segment, &whole).unwrap();
    assert!(drain(&mut tail) == whole[before.len()..]);
}

#[test]
fn a_segment_that_is_replaced_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let log = builder(dir.path()).open().unwrap();
    append(&log, 1, 40);
    assert!(log.close(LONG).finished);
    let segment = dir.path().join("segments/00000000000000000001.jsonl");
    let whole = fs::read(&segment).unwrap();
    let half = whole[..whole.len() / 2]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    fs::write(&segment, &whole[..half]).unwrap();
    let mut tail = LogTail::new(dir.path(), 0);
    let mut all = drain(&mut tail);
    assert!(all == whole[..half]);
    // As a writer does after a failed sync: what is there and more, in a new file.
    let new = dir.path().join("new");
    fs::write(&new, &whole).unwrap();
    fs::rename(&new, &segment).unwrap();
    all.extend(drain(&mut tail));
    assert!(all == whole);
}

#[test]
fn records_that_retention_removed_first_are_counted_as_missed() {
    let dir = tempfile::tempdir().unwrap();
    let log = builder(dir.path())
        .retention(Retention {
            max_age_s: None,
            max_bytes: Some(200_000),
        })
        .open()
        .unwrap();
    append(&log, 1, 2_000);
    let first = log.prune(LONG).unwrap();
    assert!(log.close(LONG).finished);
    assert!(first > 1);
    let mut tail = LogTail::new(dir.path(), 100);
    assert!(drain(&mut tail) == bytes_on_disk(dir.path()));
    assert_eq!(tail.missed(), first - 101);
}
