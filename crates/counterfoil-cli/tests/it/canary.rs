//! A secret on the command line comes out of no error.
//!
//! The other places and sinks are in the facade's `canary` test.

use std::process::Command;

use counterfoil::REDACTED;

/// Arguments with `#` for a secret that its form tells and `@` for one that its key tells. Each is refused and quoted.
const CALLS: &[&[&str]] = &[
    &["--password=@"],
    &["#"],
    &["verify", "--api-key=@", "x"],
    &["verify", "no-such-log-#"],
    &["verify", "https://bob:@@host/log"],
    &["verify", "x", "--output", "token=@"],
    &["audit", "query", "no-such-log?access_token=@"],
    &["explain", "#"],
    &["demo", "--seconds", "#"],
    &["demo", "--listen", "password=@"],
    &["key", "show", "no-such-key-#"],
];

#[test]
fn no_secret_on_the_command_line_comes_out_of_an_error() {
    let shaped = ["ghp_", "0123456789abcdefghijABCDEFGHIJ012345"].concat();
    let directory = tempfile::tempdir().unwrap();
    let mut quoted = 0;
    for call in CALLS {
        let args = call.iter().map(|arg| {
            let userinfo = arg.replace(":@@", ":hunter2%");
            let arg = userinfo.replace('@', "hunter2").replace('%', "@");
            arg.replace('#', &shaped)
        });
        let args: Vec<_> = args.collect();
        let run = Command::new(env!("CARGO_BIN_EXE_counterfoil"))
            .args(&args)
            .current_dir(&directory)
            .output()
            .unwrap();
        assert!(!run.status.success(), "{args:?} was accepted");
        let shown = [run.stdout, run.stderr].concat();
        let shown = String::from_utf8_lossy(&shown);
        assert!(
            !shown.contains("hunter2") && !shown.contains("ghp_"),
            "{args:?}: {shown}"
        );
        quoted += usize::from(shown.contains(REDACTED));
    }
    assert!(
        quoted > CALLS.len() / 2,
        "only {quoted} of them quoted what they were given"
    );
}
