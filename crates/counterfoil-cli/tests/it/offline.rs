//! `verify` without a network: in a network namespace that has no interface, and without a single call about sockets.

use std::fs;
use std::process::Command;

use crate::run::{counterfoil, sample_log};

/// Runs what needs privileges or programs that only CI is sure to have; `None` where they are missing.
fn attempted(command: &mut Command) -> Option<std::process::Output> {
    let outcome = command.output();
    let refused = match &outcome {
        Ok(output) => {
            let talk = String::from_utf8_lossy(&output.stderr);
            talk.contains("Operation not permitted") || talk.contains("unshare failed")
        }
        Err(_) => true,
    };
    assert!(
        !refused || std::env::var_os("CI").is_none(),
        "CI has to be able to run {command:?}: {outcome:?}"
    );
    if refused {
        eprintln!("skipped: cannot run {command:?}");
        return None;
    }
    outcome.ok()
}

fn verify_under(wrapper: &[&str], log: &std::path::Path, anchor: &std::path::Path) -> Command {
    let counterfoil = counterfoil();
    let mut command = Command::new(wrapper[0]);
    command
        .args(&wrapper[1..])
        .arg(counterfoil.get_program())
        .arg("verify")
        .arg(log)
        .arg("--anchor")
        .arg(anchor);
    command
}

#[test]
fn a_machine_without_a_network_gives_the_same_verdict() {
    let copy = sample_log().copy();
    let (log, anchor) = (copy.path("audit"), copy.path("anchor.json"));
    // In the new namespace even the loopback interface is down.
    let wrapper = ["unshare", "--map-root-user", "--net"];
    if let Some(output) = attempted(&mut verify_under(&wrapper, &log, &anchor)) {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(output.stdout.starts_with(b"VALID"), "{output:?}");
    }
}

#[test]
fn no_system_call_is_about_a_socket() {
    let copy = sample_log().copy();
    let (log, anchor) = (copy.path("audit"), copy.path("anchor.json"));
    let trace = copy.path("trace");
    let path = trace.to_str().expect("a path of this test is UTF-8");
    let wrapper = ["strace", "-f", "-e", "trace=%network", "-o", path];
    if let Some(output) = attempted(&mut verify_under(&wrapper, &log, &anchor)) {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let trace = fs::read_to_string(&trace).unwrap();
        assert!(
            trace.contains("+++ exited with 0 +++"),
            "strace saw nothing: {trace}"
        );
        let calls: Vec<&str> = trace.lines().filter(|line| line.contains('(')).collect();
        assert!(calls.is_empty(), "{calls:?}");
    }
}
