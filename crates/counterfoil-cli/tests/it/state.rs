//! `verify --state`: kept, gone on from, and never put in the place of another file.

use std::fs;

use crate::run::sample_log;

#[test]
fn a_second_verification_rests_on_the_first_and_says_so() {
    let copy = sample_log().copy();
    let state = copy.path("verified.state");
    let path = state.to_str().expect("a path of this test is UTF-8");
    let first = copy.verify(&["--state", path, "--output", "json"]).json();
    assert_eq!(first["verdict"], "VALID");
    assert!(first["rests_on_state_to"].is_null());
    let second = copy.verify(&["--state", path, "--output", "json"]).json();
    let head = first["trusted"]["seq"].as_u64().unwrap();
    assert_eq!(second["verdict"], "VALID");
    assert_eq!(second["rests_on_state_to"].as_u64(), Some(head - 1));
    assert_eq!(second["records"], 1);
    assert_eq!(second["lanes"], first["lanes"]);
    let text = copy.verify(&["--state", path]);
    assert!(text.stdout.contains("rest on it"), "{text:?}");
}

#[test]
fn a_file_that_is_no_state_is_refused_and_stays() {
    let copy = sample_log().copy();
    let mine = copy.path("mine.txt");
    let path = mine.to_str().expect("a path of this test is UTF-8");
    fs::write(&mine, "mine").unwrap();
    let ran = copy.verify(&["--state", path]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(ran.stderr.starts_with("error[CF-C-STATE]"), "{ran:?}");
    assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");
}

#[test]
fn a_state_that_cannot_be_kept_does_not_cost_the_verdict() {
    let copy = sample_log().copy();
    let state = copy.path("no-such-directory/verified.state");
    let path = state.to_str().expect("a path of this test is UTF-8");
    let ran = copy.verify(&["--state", path]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.stdout.starts_with("VALID"), "{ran:?}");
    assert!(ran.stderr.contains("the verdict stands"), "{ran:?}");
    assert!(!ran.stderr.contains("at path"), "{ran:?}");
}

#[test]
fn a_log_that_is_not_valid_leaves_the_state_as_it_was() {
    let copy = sample_log().copy();
    let state = copy.path("verified.state");
    let path = state.to_str().expect("a path of this test is UTF-8");
    assert_eq!(copy.verify(&["--state", path]).code, Some(0));
    let before = fs::read(&state).unwrap();
    let segment = copy.segments().pop().unwrap();
    let mut whole = fs::read(&segment).unwrap();
    let last = whole.len() - 90;
    whole[last] ^= 1;
    fs::write(&segment, whole).unwrap();
    assert_eq!(copy.verify(&["--state", path]).code, Some(1));
    assert_eq!(fs::read(&state).unwrap(), before);
}
