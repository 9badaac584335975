//! Programs of the machine that tests run: a real Prometheus, strace, Python, a browser, for fuzzing a C++ compiler and for
//! benchmarks a load generator.

use crate::command::{Cmd, find_program};
use crate::failure::{Failure, Result};

/// Program and the Debian package that brings it.
const NEEDED: [(&str, &str); 9] = [
    ("prometheus", "prometheus"),
    ("promtool", "prometheus"),
    ("strace", "strace"),
    ("python3", "python3"),
    ("c++", "g++"),
    ("ssh-agent", "openssh-client"),
    ("wrk", "wrk"),
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
];

/// Packages of Python that tests need: the module, and the Debian package that brings it.
const PYTHON: [(&str, &str); 2] = [
    ("cryptography", "python3-cryptography"),
    ("ensurepip", "python3-venv"),
];

/// Installs what is missing. Where that is impossible CI fails; a developer is told which tests will skip.
pub(crate) fn ensure(ci: bool) -> Result<()> {
    let packages = missing(|program| find_program(program).is_some(), imports);
    if packages.is_empty() {
        return Ok(());
    }
    match install(&packages) {
        Err(failure) if !ci => {
            println!(
                "tests that need {} will say that they skipped: {failure}",
                packages.join(", ")
            );
            Ok(())
        }
        outcome => outcome,
    }
}

fn missing(present: impl Fn(&str) -> bool, imported: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let programs = NEEDED.iter().filter(|(program, _)| !present(program));
    let modules = PYTHON.iter().filter(|(module, _)| !imported(module));
    let mut packages: Vec<_> = programs
        .chain(modules)
        .map(|(_, package)| *package)
        .collect();
    packages.dedup();
    packages
}

/// Whether the machine's Python finds a module.
fn imports(module: &str) -> bool {
    Cmd::new("python3")
        .args(["-c", &format!("import {module}")])
        .capture()
        .is_ok_and(|ran| ran.status.success())
}

fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    if find_program("apt-get").is_none() {
        return Err(Failure::new(
            format!("this machine has no apt-get and lacks {names}"),
            "install the programs by its own means",
        ));
    }
    println!("installing Debian packages: {names}");
    let by_hand = format!("install them by hand: `apt-get install {names}` as root");
    apt(&["update", "-qq"], &by_hand)?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments, &by_hand)
}

fn apt(arguments: &[&str], next: &str) -> Result<()> {
    let base = if is_root()? {
        Cmd::new("env")
    } else {
        // Without a terminal a password prompt would hang the run for ever.
        Cmd::new("sudo").args(["-n", "env"])
    };
    base.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .args(arguments)
        .next(next)
        .run()
}

fn is_root() -> Result<bool> {
    Ok(Cmd::new("id").arg("-u").stdout()?.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_asked_for_once_even_if_two_programs_are_missing() {
        assert_eq!(
            missing(|program| program == "strace", |_| false),
            [
                "prometheus",
                "python3",
                "g++",
                "openssh-client",
                "wrk",
                "chromium",
                "chromium-driver",
                "python3-cryptography",
                "python3-venv"
            ]
        );
        assert!(missing(|_| true, |_| true).is_empty());
    }
}
