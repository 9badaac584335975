//! The independent verifiers of `docs/verify`: Python that knows nothing of this code.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Ran, sample_log};

/// The full verifier, and the one of twenty lines.
const SCRIPTS: [&str; 2] = ["verify.py", "minimal.py"];

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/verify")
        .join(name)
}

/// Runs a script; `None` where there is no Python, which only a developer's machine may lack.
fn python<A: AsRef<std::ffi::OsStr>>(name: &str, args: &[A]) -> Option<Ran> {
    match Command::new("python3")
        .arg(script(name))
        .args(args)
        .output()
    {
        Ok(output) => Some(output.into()),
        Err(_) if std::env::var_os("CI").is_none() => {
            eprintln!("skipped: there is no python3");
            None
        }
        Err(error) => panic!("CI needs python3: {error}"),
    }
}

#[test]
fn the_scripts_find_the_demo_log_valid() {
    let copy = sample_log().copy();
    let records = sample_log().totals["head"]["seq"].to_string();
    for name in SCRIPTS {
        let Some(ran) = python(name, &[copy.path("audit"), copy.path("anchor.json")]) else {
            return;
        };
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let verdict = format!("VALID: {records} records");
        assert!(ran.stdout.starts_with(&verdict), "{ran:?}");
    }
}

#[test]
fn the_scripts_and_the_command_agree_on_a_changed_and_on_a_cut_log() {
    let copy = sample_log().copy();
    let segment = copy.segments().pop().expect("a log has a segment");
    let whole = std::fs::read(&segment).unwrap();
    let end = whole[..whole.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .expect("more than one record")
        + 1;
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    for (log, code) in [(&changed[..], 1), (&whole[..end], 3)] {
        std::fs::write(&segment, log).unwrap();
        assert_eq!(copy.verify(&[]).code, Some(code));
        for name in SCRIPTS {
            let Some(ran) = python(name, &[copy.path("audit"), copy.path("anchor.json")]) else {
                return;
            };
            assert_eq!(ran.code, Some(code), "{ran:?}");
        }
    }
}

#[test]
fn the_full_script_reports_what_the_command_reports() {
    let copy = sample_log().copy();
    let (log, anchor) = (copy.path("audit"), copy.path("anchor.json"));
    let args = [log.as_path(), &anchor, Path::new("--json")];
    let Some(ran) = python("verify.py", &args) else {
        return;
    };
    let (theirs, ours) = (ran.json(), copy.verify(&["--output", "json"]).json());
    for member in ["verdict", "records", "completeness", "missing"] {
        assert_eq!(
            theirs[member], ours[member],
            "{member}: {theirs} and {ours}"
        );
    }
}
