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

#[test]
fn the_full_script_takes_the_receipt_of_a_record_and_of_no_other() {
    let copy = sample_log().copy();
    let segment = std::fs::read_to_string(&copy.segments()[0]).unwrap();
    let vkey = std::fs::read_to_string(copy.path("key.vkey")).unwrap();
    let receipt = copy.path("5.tlog-proof");
    let made = crate::run::counterfoil()
        .args(["audit", "prove", "--seq", "5", "-o"])
        .args([&receipt, &copy.path("audit")])
        .output();
    assert!(made.unwrap().status.success());
    let check = |record: usize, receipt: &Path, keys: &[&str]| {
        let line = copy.path("record.jsonl");
        std::fs::write(&line, format!("{}\n", segment.lines().nth(record).unwrap())).unwrap();
        let mut args = vec!["--proof".into(), receipt.as_os_str().to_owned()];
        args.extend(["--record".into(), line.into_os_string()]);
        args.extend(keys.iter().map(Into::into));
        python("verify.py", &args).map(|ran| ran.code)
    };
    let key = ["--key", vkey.trim()];
    let Some(valid) = check(4, &receipt, &key) else {
        return;
    };
    assert_eq!(valid, Some(0));
    assert_eq!(check(5, &receipt, &key), Some(Some(1)), "another record");
    assert_eq!(check(4, &receipt, &[]), Some(Some(3)), "no key");
    let text = std::fs::read_to_string(&receipt).unwrap();
    for (what, old, new, code) in [
        ("another index", "index 4\n", "index 5\n", 1),
        ("no number", "index 4\n", "index 04\n", 4),
        ("another version", "@v1\n", "@v2\n", 4),
    ] {
        let forged = copy.path("forged.tlog-proof");
        std::fs::write(&forged, text.replacen(old, new, 1)).unwrap();
        assert_eq!(check(4, &forged, &key), Some(Some(code)), "{what}");
    }
}
