//! What Prometheus's own tool says of the stack's files.

use std::path::Path;
use std::process::Command;

use crate::read::{self, Error};

/// Checks `prometheus.yml` with all that it names.
///
/// # Errors
/// What promtool says, and when there is none.
pub fn check_config(config: &Path) -> Result<(), Error> {
    run(&["check", "config"], config)
}

/// Checks a file of rules, warnings included.
///
/// # Errors
/// As [`check_config`].
pub fn check_rules(rules: &Path) -> Result<(), Error> {
    run(&["check", "rules", "--lint-fatal"], rules)
}

/// Runs a file of tests of rules.
///
/// # Errors
/// As [`check_config`].
pub fn test_rules(tests: &Path) -> Result<(), Error> {
    run(&["test", "rules"], tests)
}

fn run(arguments: &[&str], file: &Path) -> Result<(), Error> {
    let ran = Command::new("promtool")
        .args(arguments)
        .arg(file)
        .current_dir(read::root())
        .output()
        .map_err(|error| {
            let next = "install Prometheus, 2.42 or newer (Debian: apt-get install prometheus)";
            Error(format!("promtool: {error}; {next}"))
        })?;
    if ran.status.success() {
        return Ok(());
    }
    let said = [ran.stdout, ran.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Err(Error(format!("{}: {}", file.display(), said.trim())))
}
