//! Following a log from beside it.

use std::path::Path;
use std::sync::Arc;

use counterfoil_anchor::MemoryAnchorStore;
use counterfoil_audit::{AuditLog, AuditLogBuilder, AuditRecord, ErrorKind};
use counterfoil_core::{Context, FabricEvent, LeaseId, ResourceType, WorkloadIdentity};

use crate::log_support::{BASE, LONG};

fn builder(dir: &Path) -> AuditLogBuilder {
    AuditLog::builder(dir, BASE).anchor_store(Arc::new(MemoryAnchorStore::new()))
}

fn append(log: &AuditLog, leases: std::ops::Range<u64>) {
    let context = Context::new(WorkloadIdentity::tenant_only("acme"));
    let mut last = None;
    for lease in leases {
        let event = FabricEvent::LeaseExpired {
            resource_type: ResourceType::Mem,
            lease_id: LeaseId(lease),
            node: "node-a".into(),
        };
        last = Some(log.append_event(&event, &context));
    }
    last.unwrap().wait_durable(LONG).unwrap();
}

fn on_disk(dir: &Path) -> Vec<u8> {
    let mut names: Vec<_> = std::fs::read_dir(dir.join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    names
        .iter()
        .flat_map(|path| std::fs::read(path).unwrap())
        .collect()
}

#[test]
fn each_durable_record_is_read_once_and_byte_for_byte_across_segments() {
    let dir = tempfile::tempdir().unwrap();
    let log = builder(dir.path()).segment_bytes(64 * 1024).open().unwrap();
    let mut follow = log.follow(0);
    let mut lines = Vec::new();
    for round in 0..20 {
        append(&log, round * 50..(round + 1) * 50);
        loop {
            let more = follow.read(7).unwrap();
            if more.is_empty() {
                break;
            }
            lines.extend(more);
        }
    }
    assert!(log.close(LONG).finished);
    lines.extend(follow.read(usize::MAX).unwrap());

    let read: Vec<u8> = lines.iter().flat_map(|line| line.bytes.clone()).collect();
    assert!(
        read == on_disk(dir.path()),
        "the bytes on disk are the bytes that were read"
    );
    let numbers: Vec<_> = lines.iter().map(|line| line.seq).collect();
    assert_eq!(numbers, (1..=lines.len() as u64).collect::<Vec<_>>());
    assert_eq!(
        lines[9].hash,
        AuditRecord::parse(&lines[9].bytes).unwrap().hash()
    );
    assert_eq!((follow.behind(), follow.missed()), (0, 0));
    assert!(
        std::fs::read_dir(dir.path().join("segments"))
            .unwrap()
            .count()
            > 1
    );
}

#[test]
fn following_starts_behind_the_record_that_it_was_told() {
    let dir = tempfile::tempdir().unwrap();
    let log = builder(dir.path()).open().unwrap();
    append(&log, 0..10);
    let mut follow = log.follow(5);
    assert_eq!(
        follow
            .read(2)
            .unwrap()
            .iter()
            .map(|it| it.seq)
            .collect::<Vec<_>>(),
        [6, 7]
    );
    assert_eq!(follow.next(), 8);
}

#[test]
fn records_that_went_before_they_were_read_are_counted_as_missed() {
    let dir = tempfile::tempdir().unwrap();
    let log = builder(dir.path()).segment_bytes(64 * 1024).open().unwrap();
    let mut follow = log.follow(0);
    append(&log, 0..1_000);
    assert!(log.close(LONG).finished);
    let segments = dir.path().join("segments");
    let mut names: Vec<_> = std::fs::read_dir(&segments)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    std::fs::remove_file(&names[0]).unwrap();

    let first = follow.read(1).unwrap().remove(0).seq;
    assert!(first > 1);
    assert_eq!(follow.missed(), first - 1);
}

#[test]
fn a_segment_that_does_not_hold_its_records_is_an_error_and_the_place_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let log = builder(dir.path()).open().unwrap();
    append(&log, 0..10);
    let mut follow = log.follow(0);
    follow.read(3).unwrap();
    let segment = dir.path().join("segments/00000000000000000001.jsonl");
    let whole = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, b"").unwrap();
    assert_eq!(follow.read(1).unwrap_err().kind(), ErrorKind::Corrupt);
    std::fs::write(&segment, whole).unwrap();
    assert_eq!(follow.read(1).unwrap()[0].seq, 4);
}

#[test]
fn records_before_one_that_cannot_be_read_are_given_and_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let log = builder(dir.path()).open().unwrap();
    append(&log, 0..20);
    assert!(log.close(LONG).finished);
    let segments = dir.path().join("segments");
    let segment = std::fs::read_dir(segments).unwrap().next().unwrap();
    let path = segment.unwrap().path();
    let whole = std::fs::read(&path).unwrap();
    let tenth = whole.split_inclusive(|byte| *byte == b'\n').take(9);
    let at = tenth.map(<[u8]>::len).sum::<usize>();
    let mut damaged = whole.clone();
    damaged[at] = b'x';
    std::fs::write(&path, damaged).unwrap();

    let mut follow = log.follow(0);
    let numbers: Vec<_> = follow.read(100).unwrap().iter().map(|it| it.seq).collect();
    assert_eq!(numbers, (1..=9).collect::<Vec<_>>());
    assert_eq!(follow.read(100).unwrap_err().kind(), ErrorKind::Corrupt);

    std::fs::write(&path, whole).unwrap();
    assert_eq!(follow.read(1).unwrap()[0].seq, 10);
}
