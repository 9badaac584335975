//! `counterfoil audit canonicalise` on a log of the demo that another program wrote again.

use std::fs;

use serde_json::Value;

use crate::run::{Copied, Ran, counterfoil, sample_log};

fn canonicalise(copy: &Copied, file: &str, out: &str) -> Ran {
    let mut command = counterfoil();
    command.args(["audit", "canonicalise"]).arg(copy.path(file));
    command.arg("-o").arg(copy.path(out));
    command.output().expect("the binary runs").into()
}

#[test]
fn a_log_that_was_pretty_printed_is_told_repaired_and_valid_again() {
    let copy = sample_log().copy();
    let segment = copy.segments().remove(0);
    let whole = fs::read_to_string(&segment).unwrap();
    let pretty: String = whole
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|value| serde_json::to_string_pretty(&value).unwrap() + "\r\n")
        .collect();
    fs::write(&segment, &pretty).unwrap();
    let told = copy.verify(&["--output", "json"]).json();
    assert_eq!(told["verdict"], "TAMPERED");
    assert_eq!(told["findings"][0]["cause"], "reserialised");
    let next = told["findings"][0]["next"].as_str().unwrap();
    assert!(
        next.starts_with("counterfoil audit canonicalise "),
        "{next}"
    );

    fs::write(copy.path("pretty.json"), &pretty).unwrap();
    let ran = canonicalise(&copy, "pretty.json", "repaired.jsonl");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    assert_eq!(
        fs::read(copy.path("repaired.jsonl")).unwrap(),
        whole.as_bytes()
    );
    fs::copy(copy.path("repaired.jsonl"), &segment).unwrap();
    assert_eq!(copy.verify(&[]).code, Some(0));
}

#[test]
fn nothing_is_written_over_and_no_half_copy_is_left() {
    let copy = sample_log().copy();
    fs::write(copy.path("mine.txt"), "mine").unwrap();
    fs::write(copy.path("prose.txt"), "not records").unwrap();
    fs::write(copy.path("twice.json"), "{\"body\":{\"a\":1,\"a\":2}}").unwrap();
    let ran = canonicalise(&copy, "prose.txt", "mine.txt");
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert_eq!(fs::read_to_string(copy.path("mine.txt")).unwrap(), "mine");
    for (file, word) in [("prose.txt", "record 1"), ("twice.json", "twice")] {
        let ran = canonicalise(&copy, file, "out.jsonl");
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
        assert!(ran.stderr.contains(word), "{ran:?}");
        assert!(!copy.path("out.jsonl").exists());
    }
    let ran = canonicalise(&copy, "audit", "out.jsonl");
    assert_eq!(ran.code, Some(4), "a directory is no file: {ran:?}");
    let ran = canonicalise(&copy, "nothing", "out.jsonl");
    assert_eq!(ran.code, Some(4), "{ran:?}");
}

#[test]
fn a_record_that_was_changed_in_more_than_its_form_is_exit_1() {
    let copy = sample_log().copy();
    let whole = fs::read_to_string(copy.segments().remove(0)).unwrap();
    let changed = whole.replacen("\"outcome\":\"success\"", "\"outcome\": \"failure\"", 1);
    fs::write(copy.path("changed.json"), changed).unwrap();
    let ran = canonicalise(&copy, "changed.json", "out.jsonl");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("mismatched 1 do not"), "{ran:?}");
}
