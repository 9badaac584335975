//! Retention: whole segments go, and what is left still verifies.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_anchor::MemoryAnchorStore;
use counterfoil_audit::verify::{
    Completeness, Reason, Report, Verdict, VerifyOptions, verify_path,
};
use counterfoil_audit::{
    AuditEventData, AuditInput, AuditLog, AuditLogBuilder, AuditRecord, ErrorKind, ExtensionKind,
    FileSystem, Object, Retention, Text,
};
use counterfoil_core::Head;
use counterfoil_testkit::{FakeClock, SeededRng};

use crate::log_support::{BASE, LONG, Machine, bytes_on_disk, context, expired};

const BYTES: Retention = Retention {
    max_age_s: None,
    max_bytes: Some(300_000),
};
const NONE: Retention = Retention {
    max_age_s: None,
    max_bytes: None,
};

/// A log in a real directory, with segments of 256 records.
struct Sample {
    dir: tempfile::TempDir,
    anchors: Arc<MemoryAnchorStore>,
}

impl Sample {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            anchors: Arc::new(MemoryAnchorStore::new()),
        }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn builder(&self, retention: Retention) -> AuditLogBuilder {
        AuditLog::builder(self.path(), BASE)
            .anchor_store(self.anchors.clone())
            .segment_bytes(1)
            .retention(retention)
    }

    /// Opens, appends, prunes and closes; the first record that is left and the head.
    fn run(&self, retention: Retention, events: u64) -> (u64, Head) {
        let log = self.builder(retention).open().unwrap();
        append(&log, events);
        let first = log.prune(LONG).unwrap();
        let head = log.anchor_now(LONG).unwrap();
        assert!(log.close(LONG).finished);
        (first, head)
    }

    fn segments(&self) -> Vec<u64> {
        let mut firsts: Vec<u64> = fs::read_dir(self.path().join("segments"))
            .unwrap()
            .map(|entry| {
                let name = entry.unwrap().file_name().into_string().unwrap();
                name[..20].parse().unwrap()
            })
            .collect();
        firsts.sort_unstable();
        firsts
    }

    fn verify(&self, head: &Head) -> Report {
        let mut options = VerifyOptions::new();
        options.head = Some(head.clone().into());
        verify_path(self.path(), &options)
    }
}

fn append(log: &AuditLog, events: u64) {
    for lease in 0..events {
        log.append_event(&expired(lease), &context());
    }
    log.append_event(&expired(events), &context())
        .wait_durable(LONG)
        .unwrap();
}

fn about(name: &str) -> AuditInput {
    let kind = ExtensionKind::new(&"vault.object_get".into()).unwrap();
    let mut input = AuditInput::unassigned(AuditEventData::Extension(kind, Object::new()));
    input.who.principal = Some(Text::erasable(name));
    input
}

#[test]
fn a_pruned_log_begins_later_and_is_valid() {
    let sample = Sample::new();
    let (first, head) = sample.run(BYTES, 3_000);
    assert!(first > 1 && (first - 1).is_multiple_of(256), "{first}");
    assert_eq!(sample.segments()[0], first);
    assert!(sample.path().join("tile/0/000").exists(), "tiles stay");
    let report = sample.verify(&head);
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    assert_eq!(report.pruned, Some(first - 1));
    assert!(bytes_on_disk(sample.path()).len() < 400_000);
}

#[test]
fn nothing_goes_without_a_policy_or_before_it_is_due() {
    let sample = Sample::new();
    assert_eq!(sample.run(NONE, 1_000).0, 1);
    let generous = Retention {
        max_age_s: Some(3_600),
        max_bytes: Some(1 << 40),
    };
    let (first, head) = sample.run(generous, 1_000);
    assert_eq!(first, 1);
    assert_eq!(sample.verify(&head).verdict, Verdict::Valid);
}

#[test]
fn a_pruned_log_is_opened_pruned_again_and_complete_in_each_lane() {
    let sample = Sample::new();
    let (before, _) = sample.run(BYTES, 3_000);
    let (after, head) = sample.run(BYTES, 3_000);
    assert!(after > before);
    let report = sample.verify(&head);
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    // Closed after the head, so the whole log is judged.
    assert_eq!(
        report.completeness,
        Some(Completeness::Complete),
        "{report}"
    );
}

#[test]
fn the_policy_can_be_read_although_the_record_that_stated_it_is_gone() {
    let sample = Sample::new();
    let (first, _) = sample.run(BYTES, 3_000);
    assert!(first > 1);
    let last = counterfoil_audit::last_opening(sample.path())
        .unwrap()
        .unwrap();
    assert_eq!(last.opened.retention, BYTES);
}

#[test]
fn records_older_than_allowed_go_with_their_segment() {
    let sample = Sample::new();
    let clock = Arc::new(FakeClock::new());
    let retention = Retention {
        max_age_s: Some(3_600),
        max_bytes: None,
    };
    let log = sample
        .builder(retention)
        .clock(Arc::clone(&clock))
        .open()
        .unwrap();
    append(&log, 600);
    assert_eq!(log.prune(LONG).unwrap(), 1);
    clock.step(Duration::from_secs(4_000));
    assert_eq!(log.prune(LONG).unwrap(), 513);
    let head = log.anchor_now(LONG).unwrap();
    assert!(log.close(LONG).finished);
    assert_eq!(sample.verify(&head).verdict, Verdict::Valid);
}

#[test]
fn openings_of_pruned_records_are_destroyed() {
    let sample = Sample::new();
    let log = sample.builder(BYTES).open().unwrap();
    log.append(about("alice@example.com"))
        .wait_durable(LONG)
        .unwrap();
    append(&log, 3_000);
    log.append(about("bob@example.com"))
        .wait_durable(LONG)
        .unwrap();
    assert!(log.prune(LONG).unwrap() > 1);
    let head = log.anchor_now(LONG).unwrap();
    assert!(log.close(LONG).finished);
    let files: Vec<Vec<u8>> = fs::read_dir(sample.path().join("openings"))
        .unwrap()
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect();
    assert_eq!(files.len(), 1);
    assert!(String::from_utf8_lossy(&files[0]).contains("bob@example.com"));
    let report = sample.verify(&head);
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
}

#[test]
fn segments_that_are_gone_without_a_record_are_incomplete() {
    let sample = Sample::new();
    let (first, head) = sample.run(BYTES, 3_000);
    let path = |first: u64| sample.path().join(format!("segments/{first:020}.jsonl"));
    fs::remove_file(path(first)).unwrap();
    let report = sample.verify(&head);
    assert_eq!(report.verdict, Verdict::Incomplete, "{report}");
    assert_eq!(report.failures[0].reason, Reason::Absent);
    assert_eq!(report.pruned, None);
    let refused = sample.builder(BYTES).open().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Missing, "{refused}");
}

#[test]
fn a_log_pruned_before_its_head_says_so_is_incomplete() {
    let sample = Sample::new();
    let log = sample.builder(NONE).open().unwrap();
    append(&log, 1_000);
    let early = log.anchor_now(LONG).unwrap();
    assert!(log.close(LONG).finished);
    sample.run(BYTES, 3_000);
    let report = sample.verify(&early);
    assert_eq!(report.verdict, Verdict::Incomplete, "{report}");
}

#[test]
fn a_pruned_log_needs_its_bottom_tiles_and_those_above_are_made_again() {
    let sample = Sample::new();
    let (first, head) = sample.run(BYTES, 3_000);
    let level_1 = sample.path().join("tile/1");
    change_tiles(&level_1);
    let report = sample.verify(&head);
    assert_eq!(report.verdict, Verdict::Incomplete, "{report}");
    let (_, head) = sample.run(NONE, 1);
    assert_eq!(sample.verify(&head).verdict, Verdict::Valid, "mended");
    fs::remove_dir_all(&level_1).unwrap();
    assert_eq!(sample.verify(&head).verdict, Verdict::Valid, "made again");
    let tile = sample.path().join("tile/0/000");
    fs::remove_file(&tile).unwrap();
    let report = sample.verify(&head);
    assert_eq!(report.verdict, Verdict::Incomplete, "{report}");
    assert_eq!(report.failures[0].reason, Reason::Absent);
    assert_eq!(report.pruned, Some(first - 1));
    let refused = sample.builder(NONE).open().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Missing, "{refused}");
}

/// Turns a bit of every tile below a directory.
fn change_tiles(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            change_tiles(&path);
        } else {
            let mut bytes = fs::read(&path).unwrap();
            bytes[0] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    }
}

#[test]
fn after_a_crash_at_any_point_the_log_is_pruned_or_it_is_not() {
    let mut machine = Machine::new();
    let log = machine.builder().segment_bytes(1).open().unwrap();
    append(&log, 900);
    assert!(log.close(LONG).finished);
    let whole = machine.records().len() as u64;
    machine.files.record();
    let retention = Retention {
        max_age_s: None,
        max_bytes: Some(1),
    };
    let builder = machine.builder().segment_bytes(1).retention(retention);
    let log = builder.open().unwrap();
    let first = log.prune(LONG).unwrap();
    assert_eq!(first, 769);
    assert!(log.close(LONG).finished);
    let mut rng = SeededRng::new(0x5e9);
    let (mut kept, mut cut) = (0, 0);
    for moment in machine.files.moments() {
        let crashed = moment.after_crash(&mut rng);
        if crashed.read(Path::new("/log/lock")).is_ok() {
            crashed.tamper(Path::new("/log/lock"), Vec::clear);
        }
        for files in [moment.after_kill(), moment.after_power_failure(), crashed] {
            let mut machine = machine.unanchored().on(files);
            let log = machine.builder().segment_bytes(1).open().unwrap();
            assert!(log.close(LONG).finished);
            let names = machine.files.list(Path::new("/log/segments")).unwrap();
            let begins: u64 = names[0][..20].parse().unwrap();
            let bytes = machine.files.log_bytes(Path::new("/log"));
            let seqs: Vec<u64> = bytes
                .split_inclusive(|byte| *byte == b'\n')
                .map(|line| AuditRecord::parse(line).unwrap().seq())
                .collect();
            let unbroken: Vec<u64> = (begins..begins + seqs.len() as u64).collect();
            assert_eq!(seqs, unbroken, "no hole");
            assert!(seqs.last().is_some_and(|last| *last > whole));
            if begins == 1 { kept += 1 } else { cut += 1 }
        }
    }
    assert!(kept > 0 && cut > 0, "{kept} {cut}");
}

#[test]
fn what_a_crash_kept_from_going_stays_until_its_tiles_are_there_again() {
    let sample = Sample::new();
    sample.run(NONE, 3_000);
    let segments = sample.path().join("segments");
    let read = |first: &u64| {
        let path = segments.join(format!("{first:020}.jsonl"));
        (path.clone(), fs::read(path).unwrap())
    };
    let before: Vec<_> = sample.segments().iter().map(read).collect();
    let (first, _) = sample.run(BYTES, 300);
    // As power loss may leave it: what was sealed is anchored, nothing went yet, and tiles are not synced.
    for (path, bytes) in before {
        if !path.exists() {
            fs::write(path, bytes).unwrap();
        }
    }
    fs::remove_dir_all(sample.path().join("tile")).unwrap();
    let log = sample.builder(BYTES).open().unwrap();
    assert!(log.prune(LONG).unwrap() >= first);
    let head = log.anchor_now(LONG).unwrap();
    assert!(log.close(LONG).finished);
    let report = sample.verify(&head);
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    assert!(report.pruned >= Some(first - 1));
}
