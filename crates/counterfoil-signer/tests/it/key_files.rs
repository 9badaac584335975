//! Keys from files and from the environment: who may read them, what they must look like, what a refusal says.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use counterfoil_signer::{Ed25519Signer, ErrorKind, Signer};
use tempfile::tempdir;

/// The published test key of Go's `note` package.
const KEY: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_key_of_go_is_read_with_and_without_a_line_feed() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("key");
    for (text, mode) in [(KEY.to_owned(), 0o600), (format!("{KEY}\n"), 0o400)] {
        write(&path, &text, mode);
        let signer = Ed25519Signer::from_file(&path).unwrap();
        assert_eq!(
            signer.verifier_key().unwrap().to_string(),
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
        );
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_saved_key_is_its_owners_alone_reads_back_and_is_never_overwritten() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("key");
    let signer = Ed25519Signer::from_seed("audit.example.com/leases/1", &[7; 32]).unwrap();
    signer.save(&path).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let read_back = Ed25519Signer::from_file(&path).unwrap();
    assert_eq!(read_back.verifier_key(), signer.verifier_key());

    let before = fs::read(&path).unwrap();
    let refused = signer.save(&path).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Duplicate);
    assert!(
        refused.to_string().contains("never overwritten"),
        "{refused}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_others_can_reach_is_refused_with_the_command_to_run() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("key");
    for mode in [0o644, 0o640, 0o604, 0o620, 0o610, 0o601, 0o660] {
        write(&path, KEY, mode);
        let refused = Ed25519Signer::from_file(&path).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::UnsafePermissions, "{mode:o}");
        let message = refused.to_string();
        assert!(message.contains(&format!("mode {mode:04o}")), "{message}");
        assert!(
            message.contains(&format!("chmod 600 {}", path.display())),
            "{message}"
        );
    }
}

#[test]
fn whatever_is_no_key_is_refused_without_showing_it() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("key");
    let seed = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    for (text, says) in [
        (String::new(), "PRIVATE+KEY+"),
        (seed.to_owned(), "PRIVATE+KEY+"),
        (KEY.replace("PRIVATE", "PUBLIC"), "PRIVATE+KEY+"),
        ("PRIVATE+KEY+name".to_owned(), "all its parts"),
        (KEY.replace("c74f20a3", "c74f20a4"), "give c74f20a3"),
        (KEY.replace("PeterNeumann", "Peter Neumann"), "key name"),
        (KEY.replace("DFz", "DF"), "33 bytes"),
        (KEY.replace("+AY", "+BY"), "not an Ed25519 key"),
        (format!("{KEY}\n\n"), "33 bytes"),
        (format!("{KEY}\r\n"), "33 bytes"),
        (format!("{KEY}\n{KEY}\n"), "33 bytes"),
        (KEY.repeat(100), "no key is so long"),
    ] {
        write(&path, &text, 0o600);
        let refused = Ed25519Signer::from_file(&path).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidKey, "{text:?}");
        for shown in [format!("{refused}"), format!("{refused:?}")] {
            assert!(
                !shown.contains("FALVFGyNhPJEMzD1QIDr"),
                "a key was shown: {shown}"
            );
        }
        let message = refused.to_string();
        assert!(message.contains(says), "{message}");
        assert!(message.contains(&path.display().to_string()), "{message}");
    }
    fs::write(&path, b"\xff\xfe").unwrap();
    let refused = Ed25519Signer::from_file(&path).unwrap_err();
    assert!(refused.to_string().contains("is not text"), "{refused}");
}

#[test]
fn a_missing_file_and_a_directory_are_named() {
    let directory = tempdir().unwrap();
    let missing = Ed25519Signer::from_file(directory.path().join("none")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(missing.to_string().contains("does not exist"), "{missing}");
    let folder = Ed25519Signer::from_file(directory.path()).unwrap_err();
    assert!(
        folder.to_string().contains("not a regular file"),
        "{folder}"
    );
}

#[test]
fn an_environment_variable_without_a_key_is_named_and_not_shown() {
    let missing = Ed25519Signer::from_env("COUNTERFOIL_TEST_NO_SUCH_KEY").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(
        missing.to_string().contains("COUNTERFOIL_TEST_NO_SUCH_KEY"),
        "{missing}"
    );
    // PATH is set wherever cargo runs, and is no key.
    let refused = Ed25519Signer::from_env("PATH").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidKey);
    assert!(!refused.to_string().contains("bin"), "{refused}");
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("key");
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    // Nobody writes into it: to open it for reading would take for ever.
    let refused = Ed25519Signer::from_file(&path).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidKey);
    assert!(
        refused.to_string().contains("not a regular file"),
        "{refused}"
    );
}

#[test]
fn a_key_that_could_not_be_written_leaves_no_file_behind() {
    const PATH: &str = "COUNTERFOIL_TEST_FULL_DISK";
    let signer = Ed25519Signer::from_seed("a", &[7; 32]).unwrap();
    if let Some(path) = std::env::var_os(PATH) {
        // The process that is started below: no file may grow in it.
        assert_eq!(signer.save(path).unwrap_err().kind(), ErrorKind::Io);
        return;
    }
    let directory = tempdir().unwrap();
    let path = directory.path().join("key");
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("key_files::a_key_that_could_not_be_written_leaves_no_file_behind")
        .env(PATH, &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
    assert!(!path.exists(), "a part of a key was left behind");
    signer.save(&path).unwrap();
}
