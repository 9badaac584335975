//! Erasable values: sealed as commitments, opened, erased, and what is left of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use counterfoil_anchor::MemoryAnchorStore;
use counterfoil_audit::verify::{Reason, Report, Verdict, VerifyOptions, verify_path};
use counterfoil_audit::{
    AuditEventData, AuditInput, AuditLog, AuditRecord, Erasure, ErrorKind, ExtensionKind,
    FileSystem, Object, Text, Value, reveal,
};
use counterfoil_core::Head;
use counterfoil_testkit::SeededRng;
use counterfoil_testkit::files::{Failure, Faults, MemFiles};
use sha2::{Digest as _, Sha256};

use crate::log_support::{BASE, LONG, Machine, bytes_on_disk, context, expired, records};

const WHO: &str = "/who/principal";
const NAME: &str = "alice@example.com";
const CITY: &str = "/event/data/address";

fn open(dir: &Path) -> AuditLog {
    let log = AuditLog::builder(dir, BASE).anchor_store(Arc::new(MemoryAnchorStore::new()));
    log.open().unwrap()
}

/// A record about a person, of whom the name and the address can be forgotten.
fn about(name: &str) -> AuditInput {
    let mut address = Object::new();
    address.insert("city", "Reykjavik").unwrap();
    let mut object = Object::new();
    object
        .insert("address", Value::erasable(address).unwrap())
        .unwrap();
    object.insert("key", "a/b").unwrap();
    let kind = ExtensionKind::new(&"vault.object_get".into()).unwrap();
    let mut input = AuditInput::unassigned(AuditEventData::Extension(kind, object));
    input.who.principal = Some(Text::erasable(name));
    input
}

/// Appends such a record; its number.
fn append(log: &AuditLog, name: &str) -> u64 {
    log.append(about(name)).wait_durable(LONG).unwrap();
    log.figures().durable_seq
}

fn verify(dir: &Path, head: Option<&Head>) -> Report {
    let mut options = VerifyOptions::new();
    options.head = head.map(|head| head.clone().into());
    verify_path(dir, &options)
}

/// A log with three such records and one other, closed and anchored.
struct Sample {
    dir: tempfile::TempDir,
    seqs: Vec<u64>,
    head: Head,
}

impl Sample {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = open(dir.path());
        let seqs = ["alice@example.com", "bob@example.com", "carol@example.com"]
            .map(|name| append(&log, name))
            .to_vec();
        log.append_event(&expired(7), &context());
        let head = log.anchor_now(LONG).unwrap();
        assert!(log.close(LONG).finished);
        Self { dir, seqs, head }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn verify(&self) -> Report {
        verify(self.path(), Some(&self.head))
    }

    fn erase(&self, seq: u64, pointer: &str) -> Erasure {
        let log = open(self.path());
        let erasure = log.erase(seq, pointer, "asked to", LONG).unwrap();
        assert!(log.close(LONG).finished);
        erasure
    }

    fn openings(&self) -> std::path::PathBuf {
        let mut files = fs::read_dir(self.path().join("openings")).unwrap();
        files.next().unwrap().unwrap().path()
    }

    /// Changes the lines of the one file of openings.
    fn with_openings(&self, change: impl FnOnce(&mut Vec<String>)) {
        let path = self.openings();
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
        change(&mut lines);
        fs::write(&path, lines.concat()).unwrap();
    }
}

fn reasons(report: &Report) -> Vec<(Reason, Option<u64>)> {
    let failures = report.failures.iter();
    failures.map(|it| (it.reason, it.position)).collect()
}

/// Whether any file below `dir` holds `what`.
fn holds(dir: &Path, what: &[u8]) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, what);
        }
        fs::read(&path)
            .unwrap()
            .windows(what.len())
            .any(|window| window == what)
    })
}

#[test]
fn a_value_is_sealed_as_a_commitment_and_can_be_revealed() {
    let sample = Sample::new();
    assert!(!holds(&sample.path().join("segments"), NAME.as_bytes()));
    let seq = sample.seqs[0];
    let revealed = reveal(sample.path(), seq, WHO).unwrap();
    assert_eq!(revealed.expose(), "\"alice@example.com\"");
    let revealed = reveal(sample.path(), seq, CITY).unwrap();
    assert_eq!(revealed.expose(), r#"{"city":"Reykjavik"}"#);
    let report = sample.verify();
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    let found = report.erasables.unwrap();
    assert_eq!((found.commitments, found.opened), (6, 6));
}

#[test]
fn an_erased_value_is_nowhere_in_the_log_and_everything_still_verifies() {
    let sample = Sample::new();
    let before = bytes_on_disk(sample.path());
    let Erasure::Erased { seq: erased } = sample.erase(sample.seqs[0], WHO) else {
        panic!("it was there");
    };
    assert!(!holds(sample.path(), NAME.as_bytes()));
    assert!(holds(sample.path(), b"bob@example.com"), "the others stay");
    assert!(bytes_on_disk(sample.path()).starts_with(&before));
    let report = sample.verify();
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    let found = report.erasables.unwrap();
    assert_eq!((found.opened, found.erased, found.missing), (5, 1, 0));
    let record = &records(&bytes_on_disk(sample.path()))[erased as usize - 1];
    assert_eq!(record.kind().as_str(), "erased");
    let gone = reveal(sample.path(), sample.seqs[0], WHO).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Gone);
    assert!(gone.to_string().contains("was erased"), "{gone}");
}

#[test]
fn a_second_erasure_says_that_there_was_a_first() {
    let sample = Sample::new();
    let Erasure::Erased { seq } = sample.erase(sample.seqs[1], CITY) else {
        panic!("it was there");
    };
    let again = sample.erase(sample.seqs[1], CITY);
    assert_eq!(again, Erasure::AlreadyErased { seq });
}

#[test]
fn an_opening_that_is_gone_without_a_record_is_incomplete_until_it_is_erased_again() {
    let sample = Sample::new();
    sample.with_openings(|lines| drop(lines.remove(0)));
    let report = sample.verify();
    assert_eq!(report.verdict, Verdict::Incomplete, "{report}");
    assert_eq!(report.failures[0].reason, Reason::Absent);
    assert_eq!(report.failures[0].position, Some(sample.seqs[0]));
    // The first line is the one of the address, for data comes before who.
    let erasure = sample.erase(sample.seqs[0], CITY);
    assert!(matches!(erasure, Erasure::Recorded { .. }), "{erasure:?}");
    assert_eq!(sample.verify().verdict, Verdict::Valid);
}

#[test]
fn a_copy_without_openings_verifies_and_says_that_they_were_not_checked() {
    let sample = Sample::new();
    fs::remove_dir_all(sample.path().join("openings")).unwrap();
    let report = sample.verify();
    assert_eq!(report.verdict, Verdict::Valid);
    let found = report.erasables.unwrap();
    assert_eq!((found.commitments, found.openings_present), (6, false));
    assert!(found.to_string().contains("openings not checked"));
}

#[test]
fn an_opening_cannot_be_moved_to_another_field_record_or_log() {
    let sample = Sample::new();
    let (first, second) = (sample.seqs[0], sample.seqs[1]);
    let moves: [fn(&str, u64, u64) -> String; 2] = [
        |line, _, _| line.replace(CITY, "/event/data/key"),
        |line, first, second| {
            line.replace(&format!("\"seq\":{first},"), &format!("\"seq\":{second},"))
        },
    ];
    for moved in moves {
        let sample = Sample::new();
        sample.with_openings(|lines| lines[0] = moved(&lines[0], first, second));
        let report = sample.verify();
        assert_eq!(report.verdict, Verdict::Tampered, "{report}");
    }
    let other = Sample::new();
    fs::copy(other.openings(), sample.openings()).unwrap();
    let report = sample.verify();
    assert_eq!(report.verdict, Verdict::Tampered);
    assert_eq!(reasons(&report)[0], (Reason::Hash, Some(first)));
    let error = reveal(sample.path(), first, WHO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn a_changed_value_or_salt_is_found() {
    let changes: [fn(&str) -> String; 2] = [
        |line| line.replace("alice", "mallo").replace("Reyk", "Rejk"),
        |line| {
            let at = line.find("\"salt\":\"").unwrap() + 8;
            let other = if line[at..].starts_with('0') {
                "1"
            } else {
                "0"
            };
            format!("{}{other}{}", &line[..at], &line[at + 1..])
        },
    ];
    for change in changes {
        let sample = Sample::new();
        sample.with_openings(|lines| lines[0] = change(&lines[0]));
        let report = sample.verify();
        assert_eq!(report.verdict, Verdict::Tampered, "{report}");
        assert_eq!(
            reasons(&report),
            [(Reason::Hash, Some(sample.seqs[0]))],
            "and nothing else"
        );
    }
}

/// The commitment as whoever guesses would compute it, apart from the code under test.
fn commitment(chain: &str, seq: u64, pointer: &str, value: &str, salt: &[u8]) -> String {
    let mut preimage = b"counterfoil.dev/erasable/v1\n".to_vec();
    let seq = seq.to_string();
    for part in [chain, &seq, pointer, value] {
        preimage.extend((part.len() as u64).to_be_bytes());
        preimage.extend(part.as_bytes());
    }
    let padding = (8 + value.len()).next_multiple_of(256) - 8 - value.len();
    preimage.resize(preimage.len() + padding, 0);
    preimage.extend(salt);
    let digest = Sha256::digest(&preimage);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn who_knows_the_value_cannot_confirm_it_without_the_salt() {
    let sample = Sample::new();
    let line = fs::read_to_string(sample.openings()).unwrap();
    let salt = |line: &str| -> Vec<u8> {
        let digits = &line.split("\"salt\":\"").nth(1).unwrap()[..64];
        (0..32)
            .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
            .collect()
    };
    let own = line.lines().find(|line| line.contains(NAME)).unwrap();
    let (own, others): (Vec<u8>, Vec<Vec<u8>>) = (salt(own), line.lines().map(salt).collect());
    let seq = sample.seqs[0];
    sample.erase(seq, WHO);
    let record = &records(&bytes_on_disk(sample.path()))[seq as usize - 1];
    let Some(Text::Erasable(digest)) = record.who().principal.clone() else {
        panic!("it is a commitment");
    };
    let chain = record.chain().to_string();
    let guess =
        |value: &str, salt: &[u8]| commitment(&chain, seq, WHO, value, salt) == digest.to_string();
    assert!(
        guess("\"alice@example.com\"", &own),
        "with the salt it would be"
    );
    assert!(!holds(sample.path(), &own), "and the salt is gone");
    let salts = others.into_iter().filter(|salt| *salt != own);
    for salt in salts.chain([vec![0; 32], Vec::new(), vec![b' '; 32]]) {
        for value in ["\"alice@example.com\"", "\"bob@example.com\"", "\"\""] {
            assert!(!guess(value, &salt));
        }
    }
}

#[test]
fn neither_a_record_nor_what_is_left_of_an_opening_tells_the_length_of_a_value() {
    let sizes = |len: usize| {
        let dir = tempfile::tempdir().unwrap();
        let log = open(dir.path());
        let seq = append(&log, &"x".repeat(len));
        log.erase(seq, WHO, "asked to", LONG).unwrap();
        assert!(log.close(LONG).finished);
        let opening = fs::read_dir(dir.path().join("openings")).unwrap();
        let opening = opening.map(|entry| entry.unwrap().metadata().unwrap().len());
        (bytes_on_disk(dir.path()).len(), opening.sum::<u64>())
    };
    assert_eq!(sizes(1), sizes(200));
}

#[test]
fn what_cannot_be_erased_is_refused_and_says_why() {
    let sample = Sample::new();
    let log = open(sample.path());
    let refusal = |seq, pointer| {
        let error = log.erase(seq, pointer, "asked to", LONG).unwrap_err();
        (error.kind(), error.to_string())
    };
    let seq = sample.seqs[0];
    let (kind, text) = refusal(seq, "/event/data/key");
    assert_eq!(kind, ErrorKind::Invalid);
    assert!(text.contains(WHO) && text.contains(CITY), "{text}");
    assert_eq!(refusal(seq, "who/principal").0, ErrorKind::Invalid);
    assert_eq!(refusal(1, WHO).0, ErrorKind::Invalid);
    assert_eq!(refusal(10_000, WHO).0, ErrorKind::Missing);
    assert!(log.close(LONG).finished);
    assert_eq!(refusal(seq, WHO).0, ErrorKind::Closed);
    assert_eq!(
        sample.verify().verdict,
        Verdict::Valid,
        "nothing was destroyed"
    );
}

#[test]
fn a_value_whose_data_is_too_long_for_a_record_keeps_no_opening() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut input = about(NAME);
    if let AuditEventData::Extension(_, object) = &mut input.data {
        object.insert("long", "y".repeat(70_000)).unwrap();
    }
    log.append(input).wait_durable(LONG).unwrap();
    let head = log.anchor_now(LONG).unwrap();
    assert!(log.close(LONG).finished);
    let report = verify(dir.path(), Some(&head));
    assert_eq!(report.verdict, Verdict::Valid, "{report}");
    assert_eq!(report.erasables.unwrap().opened, 1, "that of the principal");
    assert!(!holds(dir.path(), b"Reykjavik"));
}

#[test]
fn an_erasable_value_is_redacted_before_it_is_committed_to() {
    #[derive(Debug)]
    struct NoCities;
    impl counterfoil_core::Redact for NoCities {
        fn redact(&self, text: &str) -> Option<String> {
            text.contains("Reykjavik").then(|| "[REDACTED]".to_owned())
        }

        fn redact_value(&self, _key: &str, value: &str) -> Option<String> {
            self.redact(value)
        }

        fn redact_label(&self, _key: &str, value: &str) -> Option<String> {
            self.redact(value)
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(dir.path(), BASE)
        .redactor(Arc::new(NoCities))
        .open()
        .unwrap();
    let seq = append(&log, NAME);
    let revealed = reveal(dir.path(), seq, CITY).unwrap();
    assert_eq!(revealed.expose(), r#"{"city":"[REDACTED]"}"#);
}

#[test]
fn openings_that_cannot_be_written_stop_the_log_before_their_record() {
    let mut machine = Machine::new();
    let log = machine.open();
    machine.files.set(Faults {
        space: Some(40),
        ..Faults::default()
    });
    assert!(log.append(about(NAME)).wait_durable(LONG).is_err());
    let why = log.figures().alarm.unwrap();
    assert!(why.contains("openings"), "{why}");
    drop(log);
    machine.files.set(Faults::default());
    let mut machine = machine.after_kill();
    let log = machine.open();
    assert!(log.close(LONG).finished);
    assert_eq!(openings(&machine.files), [], "what arrived was destroyed");
    assert!(
        machine
            .records()
            .iter()
            .all(|it| it.who().principal.is_none())
    );
}

/// The openings on a machine: record, pointer, value.
fn openings(files: &MemFiles) -> Vec<(u64, String, String)> {
    let folder = Path::new("/log/openings");
    let mut found = Vec::new();
    for name in files.list(folder).unwrap() {
        let bytes = files.read(&folder.join(name)).unwrap();
        for line in bytes.split(|byte| *byte == b'\n') {
            if let Ok(line) = serde_json::from_slice::<serde_json::Value>(line) {
                found.push((
                    line["seq"].as_u64().unwrap(),
                    line["pointer"].as_str().unwrap().to_owned(),
                    line["value"].to_string(),
                ));
            }
        }
    }
    found
}

/// Commitments in records: record and pointer, for the two places that these tests use.
fn committed(records: &[AuditRecord]) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    for record in records {
        let body: serde_json::Value = serde_json::from_slice(record.body()).unwrap();
        for pointer in [CITY, WHO] {
            let place = body.pointer(pointer);
            if place.is_some_and(|value| value.get("$erasable").is_some()) {
                found.push((record.seq(), pointer.to_owned()));
            }
        }
    }
    found
}

fn erased(records: &[AuditRecord]) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    for record in records {
        if let Ok(AuditEventData::Erased(erased)) = record.data() {
            let items = erased.items.into_iter();
            found.extend(items.map(|item| (item.seq, item.pointer)));
        }
    }
    found
}

/// After any crash and the next opening: an opening for every commitment that nobody erased, and none besides.
fn check(mut machine: Machine, victim: u64) {
    let log = machine.open();
    assert!(log.close(LONG).finished);
    let records = machine.records();
    let (committed, erased) = (committed(&records), erased(&records));
    let there: Vec<(u64, String)> = openings(&machine.files)
        .into_iter()
        .map(|(seq, pointer, _)| (seq, pointer))
        .collect();
    for place in &there {
        assert!(committed.contains(place), "{place:?} has no record");
        assert!(!erased.contains(place), "{place:?} was erased");
    }
    let missing: Vec<_> = committed
        .iter()
        .filter(|place| !there.contains(place) && !erased.contains(place))
        .collect();
    // The crash came between the two steps of the erasure; the second try completes it.
    for (seq, pointer) in missing {
        assert_eq!((*seq, pointer.as_str()), (victim, WHO));
        let log = machine.open();
        let again = log.erase(*seq, pointer, "asked to", LONG).unwrap();
        assert!(matches!(again, Erasure::Recorded { .. }));
        assert!(log.close(LONG).finished);
    }
}

#[test]
fn after_a_crash_at_any_point_every_commitment_has_its_opening_or_its_erasure() {
    let mut machine = Machine::new();
    machine.files.record();
    let log = machine.builder().segment_bytes(1).open().unwrap();
    let victim = append(&log, NAME);
    for lease in 0..260 {
        log.append_event(&expired(lease), &context());
    }
    append(&log, "bob@example.com");
    log.erase(victim, WHO, "asked to", LONG).unwrap();
    append(&log, "carol@example.com");
    assert!(log.close(LONG).finished);
    let mut rng = SeededRng::new(0x0e5a);
    for moment in machine.files.moments() {
        check(machine.unanchored().on(moment.after_kill()), victim);
        check(
            machine.unanchored().on(moment.after_power_failure()),
            victim,
        );
        let crashed = moment.after_crash(&mut rng);
        // A hint that is never synced, and not what this is about.
        if crashed.read(Path::new("/log/lock")).is_ok() {
            crashed.tamper(Path::new("/log/lock"), Vec::clear);
        }
        check(machine.unanchored().on(crashed), victim);
    }
}

#[test]
fn an_erasure_that_is_tried_again_after_a_failed_sync_reaches_the_disk() {
    let mut failed = 0;
    for seed in 0..8 {
        for call in 0..12 {
            let mut machine = Machine::new();
            let log = machine.open();
            let seq = append(&log, NAME);
            let next = machine.files.calls() + call;
            machine.files.set(Faults {
                at: Some((next, next + 1, Failure::Io)),
                seed,
                ..Faults::default()
            });
            let first = log.erase(seq, WHO, "asked to", LONG);
            machine.files.set(Faults::default());
            if first.is_err() {
                failed += 1;
                log.erase(seq, WHO, "asked to", LONG).unwrap();
            }
            let left = openings(&machine.files.after_power_failure());
            assert!(
                left.iter().all(|(_, pointer, _)| pointer != WHO),
                "call {call}, seed {seed}: {left:?}"
            );
        }
    }
    assert!(failed > 0);
}
