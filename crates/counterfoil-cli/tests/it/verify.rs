//! `counterfoil verify` on a log of the demo, whole and damaged.

use std::fs;

use crate::run::{run, run_verify, sample_log};

#[test]
fn the_log_of_a_demo_is_valid_up_to_its_anchor_and_the_verdict_names_the_number_of_records() {
    let copy = sample_log().copy();
    let ran = copy.verify(&[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let records = sample_log().totals["head"]["seq"].as_u64().unwrap();
    let json = copy.verify(&["--output", "json"]).json();
    assert_eq!(json["schema"], "counterfoil.verify");
    assert_eq!(json["version"], 2);
    assert_eq!(json["verdict"], "VALID");
    assert_eq!(json["records"].as_u64(), Some(records));
    assert!(ran.stdout.starts_with("VALID"), "{ran:?}");
    assert!(
        ran.stdout.contains(&format!("{records} records")),
        "{ran:?}"
    );
}

#[test]
fn a_signed_log_is_valid_under_its_own_key_and_not_under_another() {
    let copy = sample_log().copy();
    let vkey = fs::read_to_string(copy.path("key.vkey")).unwrap();
    let own = copy.verify(&["--key", vkey.trim()]);
    assert_eq!(own.code, Some(0), "{own:?}");

    let other = crate::demo::run_once(&["--seconds", "1"]);
    let vkey = fs::read_to_string(other.path().join("key.vkey")).unwrap();
    let foreign = copy.verify(&["--key", vkey.trim()]);
    assert_eq!(foreign.code, Some(5), "{foreign:?}");
}

#[test]
fn any_changed_byte_is_tampering_and_the_record_is_named() {
    let copy = sample_log().copy();
    let segment = copy.segments().remove(0);
    let whole = fs::read(&segment).unwrap();
    let step = whole.len() / 40;
    // Sampled over the file, and the first and last bytes.
    let positions = (0..40).map(|sample| sample * step + sample).chain([
        0,
        1,
        8,
        whole.len() - 1,
        whole.len() - 3,
    ]);
    for position in positions {
        let mut changed = whole.clone();
        changed[position] ^= 0x01;
        fs::write(&segment, &changed).unwrap();
        let ran = copy.verify(&["--output", "json"]);
        assert_eq!(ran.code, Some(1), "byte {position}: {ran:?}");
        let record = 1 + whole[..position]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count() as u64;
        let named = ran.json()["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|finding| finding["record"].as_u64() == Some(record));
        assert!(named, "byte {position} lies in record {record}: {ran:?}");
    }
}

#[test]
fn a_cut_off_record_is_counted_as_missing() {
    let copy = sample_log().copy();
    let segment = copy.segments().pop().unwrap();
    let whole = fs::read(&segment).unwrap();
    let mut end = whole.len();
    for missing in 1..=3 {
        end = whole[..end - 1]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .unwrap()
            + 1;
        fs::write(&segment, &whole[..end]).unwrap();
        let ran = copy.verify(&[]);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        let words = if missing == 1 {
            "1 record".to_owned()
        } else {
            format!("{missing} records")
        };
        assert!(ran.stdout.contains(&words), "{ran:?}");
    }
}

#[test]
fn without_a_trusted_head_the_verdict_is_incomplete_and_says_why() {
    let copy = sample_log().copy();
    let ran = run_verify(&copy.path("audit"), None, &[]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stdout.contains("no trusted head"), "{ran:?}");
    assert!(ran.stdout.contains("--anchor anchor.json"), "{ran:?}");
}

#[test]
fn an_empty_file_and_an_empty_log_are_nothing_to_verify() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("empty.jsonl");
    fs::write(&file, "").unwrap();
    assert_eq!(run_verify(&file, None, &[]).code, Some(3));
    fs::create_dir_all(dir.path().join("log/segments")).unwrap();
    assert_eq!(run_verify(&dir.path().join("log"), None, &[]).code, Some(3));
}

#[test]
fn hash_only_says_that_it_left_the_grammar_out() {
    let copy = sample_log().copy();
    let ran = copy.verify(&["--hash-only"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("hash only"), "{ran:?}");
    assert_eq!(
        copy.verify(&["--hash-only", "--output", "json"]).json()["hash_only"],
        true
    );
}

#[test]
fn the_number_of_jobs_does_not_change_the_verdict() {
    let copy = sample_log().copy();
    let verdict = |jobs| {
        let mut json = copy.verify(&["--output", "json", "--jobs", jobs]).json();
        // The two runs look at the clock at different times.
        json["trusted_age_seconds"].take();
        json
    };
    assert_eq!(verdict("1"), verdict("4"));
}

#[test]
fn records_beyond_the_head_can_be_refused() {
    let copy = sample_log().copy();
    let segment = fs::read_to_string(copy.segments().remove(0)).unwrap();
    // A head in the middle: the seventh record's.
    let line = segment.lines().nth(6).unwrap();
    let hash = &line[line.len() - 66..line.len() - 2];
    let record: serde_json::Value = serde_json::from_str(line).unwrap();
    let chain = record["body"]["chain"]["id"].as_str().unwrap();
    let anchor = copy.path("early.json");
    fs::write(
        &anchor,
        format!("{{\"chain\":\"{chain}\",\"hash\":\"{hash}\",\"seq\":7,\"v\":1}}\n"),
    )
    .unwrap();

    let with = |more: &[&str]| run_verify(&copy.path("audit"), Some(&anchor), more);
    assert_eq!(with(&[]).code, Some(0), "{:?}", with(&[]));
    assert_eq!(with(&["--require-anchored-tail"]).code, Some(3));
    assert_eq!(
        with(&["--max-tail-age", "30d"]).code,
        Some(2),
        "days are not a fixed length"
    );
    assert_eq!(with(&["--max-tail-age", "720h"]).code, Some(0));
    assert_eq!(with(&["--max-tail-age", "1ns"]).code, Some(3));
}

#[test]
fn a_log_that_is_not_there_is_unreadable() {
    let dir = tempfile::tempdir().unwrap();
    let ran = run_verify(&dir.path().join("nothing"), None, &[]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(
        ran.stdout.is_empty() || ran.stdout.starts_with("UNREADABLE"),
        "{ran:?}"
    );
}

#[test]
fn standard_output_holds_the_verdict_alone() {
    let copy = sample_log().copy();
    let ran = copy.verify(&[]);
    assert_eq!(ran.stderr, "");
    assert_eq!(run(["verify"]).code, Some(2));
}

#[cfg(unix)]
#[test]
fn an_anchor_that_never_ends_is_refused() {
    let copy = sample_log().copy();
    let ran = run_verify(
        &copy.path("audit"),
        Some(std::path::Path::new("/dev/zero")),
        &[],
    );
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.stderr.contains("no regular file"), "{ran:?}");
    let long = copy.path("long.json");
    fs::write(&long, vec![b' '; (8 << 20) + 1]).unwrap();
    let ran = run_verify(&copy.path("audit"), Some(&long), &[]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.stderr.contains("longer than"), "{ran:?}");
}

#[test]
fn a_directory_around_a_log_is_told_from_the_log() {
    let copy = sample_log().copy();
    let audit = copy.path("audit");
    let ran = run_verify(audit.parent().unwrap(), None, &[]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    let named = format!("the log is in {}", audit.display());
    assert!(ran.stderr.contains(&named), "{ran:?}");
}
