//! Directories that a demo refuses to go on with: one sentence, a stable exit code, and nothing is written over.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::run::{Copied, Ran, counterfoil, sample_log};

fn demo_in(dir: &Path) -> Ran {
    counterfoil()
        .args([
            "demo",
            "--seconds",
            "1",
            "--quiet",
            "--metrics-addr",
            "127.0.0.1:0",
            "--dir",
        ])
        .arg(dir)
        .output()
        .expect("the binary runs")
        .into()
}

/// Every file but the locks, with its content.
fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(content(&path));
        } else if !path.file_name().unwrap().to_string_lossy().contains("lock") {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

fn is_refused(copy: &Copied, code: i32, words: &[&str]) {
    let before = content(&copy.path(""));
    let ran = demo_in(&copy.path(""));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "{word} in {ran:?}");
    }
    assert!(content(&copy.path("")) == before, "something was changed");
}

#[test]
fn an_anchor_that_is_none() {
    let copy = sample_log().copy();
    fs::write(copy.path("anchor.json"), "{\"v\":1}").unwrap();
    is_refused(&copy, 4, &["anchor.json"]);
}

#[test]
fn a_log_that_lost_its_end() {
    let copy = sample_log().copy();
    let segment = copy.segments().pop().unwrap();
    let whole = fs::read(&segment).unwrap();
    let end = whole[..whole.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    fs::write(&segment, &whole[..end]).unwrap();
    is_refused(&copy, 4, &["audit"]);
}

#[test]
fn a_log_that_was_changed() {
    let copy = sample_log().copy();
    let segment = copy.segments().pop().unwrap();
    let mut whole = fs::read(&segment).unwrap();
    let middle = whole.len() / 2;
    whole[middle] ^= 1;
    fs::write(&segment, &whole).unwrap();
    is_refused(&copy, 4, &["audit"]);
}

#[test]
fn a_secret_key_that_others_can_read() {
    let copy = sample_log().copy();
    fs::set_permissions(copy.path("key.secret"), fs::Permissions::from_mode(0o644)).unwrap();
    is_refused(&copy, 5, &["key.secret", "chmod"]);
}

#[test]
fn a_public_key_that_is_not_that_of_the_secret_key() {
    let copy = sample_log().copy();
    fs::write(
        copy.path("key.vkey"),
        "somebody.else/leases/1+00000000+AA==\n",
    )
    .unwrap();
    is_refused(&copy, 5, &["key.vkey", "key.secret"]);
}

#[test]
fn a_directory_that_is_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    let ran = demo_in(&file);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(
        ran.stderr.contains("--dir") && ran.stderr.lines().count() == 1,
        "{ran:?}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}
