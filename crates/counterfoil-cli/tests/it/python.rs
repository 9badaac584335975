//! The independent verifier of `docs/verify`: a few lines of Python that know nothing of this code.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Ran, sample_log};

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify/verify.py")
}

/// Runs the script; `None` where there is no Python, which only a developer's machine may lack.
fn python(args: &[&Path]) -> Option<Ran> {
    match Command::new("python3").arg(script()).args(args).output() {
        Ok(output) => Some(output.into()),
        Err(_) if std::env::var_os("CI").is_none() => {
            eprintln!("skipped: there is no python3");
            None
        }
        Err(error) => panic!("CI needs python3: {error}"),
    }
}

#[test]
fn a_script_of_a_few_lines_finds_the_demo_log_valid() {
    let copy = sample_log().copy();
    let Some(ran) = python(&[&copy.path("audit"), &copy.path("anchor.json")]) else {
        return;
    };
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let records = sample_log().totals["head"]["seq"].to_string();
    assert!(
        ran.stdout.starts_with(&format!("VALID: {records} records")),
        "{ran:?}"
    );
}

#[test]
fn the_script_and_the_command_agree_on_a_changed_and_on_a_cut_log() {
    let copy = sample_log().copy();
    let segment = copy.segments().pop().expect("a log has a segment");
    let whole = std::fs::read(&segment).unwrap();

    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(&segment, &changed).unwrap();
    let Some(script) = python(&[&copy.path("audit"), &copy.path("anchor.json")]) else {
        return;
    };
    assert_eq!((script.code, copy.verify(&[]).code), (Some(1), Some(1)));

    let end = whole[..whole.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .expect("more than one record")
        + 1;
    std::fs::write(&segment, &whole[..end]).unwrap();
    let script = python(&[&copy.path("audit"), &copy.path("anchor.json")])
        .expect("python3 was there a moment ago");
    assert_eq!((script.code, copy.verify(&[]).code), (Some(3), Some(3)));
}
