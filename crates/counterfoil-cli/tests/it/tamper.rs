//! One case of every class of tampering through the command: the exit code, the reason and the record that it names. Every place of each class
//! is tried in the tests of counterfoil-audit.

use std::fs;
use std::path::Path;

use counterfoil_merkle::leaf_hash;

use crate::run::{Copied, Ran, run_verify, sample_log};

/// A log as its lines, and how to put them back.
struct Log {
    copy: Copied,
    lines: Vec<Vec<u8>>,
}

impl Log {
    fn new() -> Self {
        let copy = sample_log().copy();
        let lines = copy.segments().into_iter().flat_map(|segment| {
            let text = fs::read(segment).unwrap();
            let lines = text.split_inclusive(|byte| *byte == b'\n');
            lines.map(<[u8]>::to_vec).collect::<Vec<_>>()
        });
        Self {
            lines: lines.collect(),
            copy,
        }
    }

    fn len(&self) -> u64 {
        self.lines.len() as u64
    }

    /// Puts the lines into one file, whose name is that of the first segment.
    fn put(&self) {
        let mut segments = self.copy.segments().into_iter();
        fs::write(segments.next().unwrap(), self.lines.concat()).unwrap();
        for rest in segments {
            fs::remove_file(rest).unwrap();
        }
    }

    fn verify(&self, more: &[&str]) -> Ran {
        let json = [&["--output", "json", "--jobs", "1"], more].concat();
        self.copy.verify(&json)
    }

    /// Replaces `old` in the body of record `seq` and makes its hash anew.
    fn edit(&mut self, seq: usize, old: &str, new: &str) {
        let body = String::from_utf8(body(&self.lines[seq - 1]).to_vec()).unwrap();
        assert!(body.contains(old), "{body}");
        self.lines[seq - 1] = sealed(body.replacen(old, new, 1).as_bytes());
    }

    /// Links every record behind `seq` anew.
    fn relink(&mut self, seq: usize) {
        for index in seq..self.lines.len() {
            let before = leaf_hash(body(&self.lines[index - 1])).to_string();
            let mut body = body(&self.lines[index]).to_vec();
            let at = body.windows(8).position(|w| w == b"\"prev\":\"").unwrap() + 8;
            body[at..at + 64].copy_from_slice(before.as_bytes());
            self.lines[index] = sealed(&body);
        }
    }
}

/// The body of an unsigned line.
fn body(line: &[u8]) -> &[u8] {
    &line[8..line.len() - 76]
}

fn sealed(body: &[u8]) -> Vec<u8> {
    let hash = leaf_hash(body).to_string();
    [
        b"{\"body\":",
        body,
        b",\"hash\":\"",
        hash.as_bytes(),
        b"\"}\n",
    ]
    .concat()
}

/// What was done, and what is expected of it: exit code, reason, record (counted from the end where it is not positive).
type Case = (&'static str, fn(&mut Log), i32, &'static str, i64);

const CASES: [Case; 17] = [
    ("a bit flipped", |log| log.lines[8][300] ^= 1, 1, "", 9),
    (
        "a cut between records",
        |log| log.lines.truncate(20),
        3,
        "absent",
        21,
    ),
    (
        "a cut within a record",
        |log| log.lines.last_mut().unwrap().truncate(90),
        1,
        "grammar",
        0,
    ),
    (
        "a record deleted",
        |log| drop(log.lines.remove(8)),
        1,
        "seq",
        9,
    ),
    (
        "the first record deleted",
        |log| drop(log.lines.remove(0)),
        1,
        "seq",
        1,
    ),
    (
        "the last record deleted",
        |log| drop(log.lines.pop()),
        3,
        "absent",
        0,
    ),
    (
        "a record doubled",
        |log| log.lines.insert(9, log.lines[8].clone()),
        1,
        "seq",
        10,
    ),
    (
        "two records exchanged",
        |log| log.lines.swap(8, 9),
        1,
        "seq",
        9,
    ),
    (
        "a record put in from elsewhere",
        |log| log.lines.insert(8, log.lines[20].clone()),
        1,
        "seq",
        9,
    ),
    (
        "an empty line put in",
        |log| log.lines.insert(8, b"\n".to_vec()),
        1,
        "grammar",
        9,
    ),
    (
        "two bodies",
        |log| {
            let twice = [body(&log.lines[8]), b",\"body\":", body(&log.lines[8])].concat();
            log.lines[8] = sealed(&twice);
        },
        1,
        "grammar",
        9,
    ),
    (
        "another spelling",
        |log| log.edit(9, "\"v\":1", "\"v\":1.0"),
        1,
        "grammar",
        9,
    ),
    (
        "a member put in",
        |log| log.edit(9, "\"v\":1", "\"v\":1,\"w\":1"),
        1,
        "grammar",
        9,
    ),
    (
        "CR LF",
        |log| {
            let at = log.lines[8].len() - 1;
            log.lines[8].insert(at, b'\r');
        },
        1,
        "grammar",
        9,
    ),
    (
        "a record changed and hashed again",
        |log| log.lines[8] = sealed(&another_outcome(body(&log.lines[8]))),
        1,
        "link",
        10,
    ),
    (
        "a history written anew",
        |log| {
            log.lines[8] = sealed(&another_outcome(body(&log.lines[8])));
            log.relink(9);
        },
        1,
        "head",
        0,
    ),
    (
        "another chain from a record on",
        |log| {
            for seq in 9..=log.lines.len() {
                log.edit(seq, "\"id\":\"demo.", "\"id\":\"other.");
            }
            log.relink(9);
        },
        1,
        "id",
        9,
    ),
];

/// The body with the outcome `unknown`.
fn another_outcome(body: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(body).unwrap();
    let (before, rest) = text.split_once("\"outcome\":\"").unwrap();
    let (_, after) = rest.split_once('"').unwrap();
    format!("{before}\"outcome\":\"unknown\"{after}").into()
}

#[test]
fn every_class_of_tampering_has_its_exit_code_and_the_report_names_the_record() {
    assert_eq!(Log::new().verify(&[]).code, Some(0));
    for (name, change, code, reason, record) in CASES {
        let mut log = Log::new();
        let whole = log.len();
        change(&mut log);
        log.put();
        let ran = log.verify(&[]);
        assert_eq!(ran.code, Some(code), "{name}: {ran:?}");
        let position = if record > 0 { record as u64 } else { whole };
        let document = ran.json();
        let findings = document["findings"].as_array().unwrap();
        // The tiles, which nobody changed here, contradict what was made of the records.
        let of_records = |finding: &&serde_json::Value| finding["reason"] != "tile";
        let first = findings.iter().find(of_records).unwrap();
        assert_eq!(first["record"].as_u64(), Some(position), "{name}: {ran:?}");
        assert!(
            reason.is_empty() || first["reason"] == reason,
            "{name}: {ran:?}"
        );
    }
}

/// What the report names first.
fn first_reason(ran: &Ran) -> String {
    ran.json()["findings"][0]["reason"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_log_that_is_gone_or_forked_or_rolled_back_is_not_the_one_whose_head_was_kept() {
    let log = Log::new();
    for segment in log.copy.segments() {
        fs::remove_file(segment).unwrap();
    }
    let ran = log.verify(&[]);
    assert_eq!((ran.code, first_reason(&ran).as_str()), (Some(3), "empty"));

    // The folder as it was some records ago, with the checkpoint of then gone as well.
    let mut log = Log::new();
    log.lines.truncate(30);
    log.put();
    fs::remove_file(log.copy.path("audit/checkpoint")).unwrap();
    let ran = log.verify(&[]);
    assert_eq!((ran.code, first_reason(&ran).as_str()), (Some(3), "absent"));

    let other = crate::demo::run_once(&["--seconds", "1"]);
    let log = Log::new();
    let ran = run_verify(
        &other.path().join("audit"),
        Some(&log.copy.path("anchor.json")),
        &["--output", "json"],
    );
    assert_ne!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn a_checkpoint_of_another_history_or_key_is_refused() {
    let mut log = Log::new();
    log.lines[8] = sealed(&another_outcome(body(&log.lines[8])));
    log.relink(9);
    log.put();
    // Nothing was kept; the true checkpoint beside the log contradicts it.
    let audit = log.copy.path("audit");
    let ran = run_verify(&audit, None, &["--output", "json"]);
    assert_eq!((ran.code, first_reason(&ran).as_str()), (Some(1), "root"));

    let log = Log::new();
    let vkey = fs::read_to_string(log.copy.path("key.vkey")).unwrap();
    bend_signature(&log.copy.path("audit/checkpoint"));
    let ran = run_verify(
        &log.copy.path("audit"),
        None,
        &["--output", "json", "--key", vkey.trim()],
    );
    assert_eq!(
        (ran.code, first_reason(&ran).as_str()),
        (Some(1), "signature")
    );
}

/// Changes a letter in the middle of a checkpoint's signature.
fn bend_signature(checkpoint: &Path) {
    let mut note = fs::read(checkpoint).unwrap();
    let at = note.len() - 40;
    note[at] = if note[at] == b'A' { b'B' } else { b'A' };
    fs::write(checkpoint, note).unwrap();
}
