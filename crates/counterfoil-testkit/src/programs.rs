//! Programs of the machine that tests run beside our own.

use std::env;
use std::process::{Command, Stdio};

/// Whether a program that a test needs is missing. Then the test says that it is skipped; where `CI` is set, whoever set the
/// machine up has forgotten it, and that is a failure.
///
/// # Panics
/// When it is missing and `CI` is set.
#[must_use]
#[expect(clippy::print_stderr, reason = "a test says that it is skipped")]
pub fn is_missing(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !found {
        assert!(
            env::var_os("CI").is_none(),
            "there is no {program} on this machine, and tests need it"
        );
        eprintln!("skipped: there is no {program} on this machine");
    }
    !found
}
