//! Concurrency models under loom, built apart because `--cfg loom` changes every crate below.

use crate::command::Cmd;
use crate::failure::{Failure, Result};
use crate::pipeline::Context;

const PACKAGES: [&str; 3] = [
    "counterfoil-events",
    "counterfoil-audit",
    "counterfoil-metrics",
];

/// Runs the library tests whose path contains `loom`; a crate without any is an error.
pub(crate) fn run(context: &Context) -> Result<()> {
    for package in PACKAGES {
        let listing = test(context, package)
            .args(["--", "--list"])
            .next("repair the build under loom")
            .stdout()?;
        let models = count(&listing);
        if models == 0 {
            return Err(Failure::new(
                format!(
                    "{package} has no loom models: no test path contains `loom` under `--cfg loom`"
                ),
                format!("put the models into a module `loom` in crates/{package}/src"),
            ));
        }
        println!("{package}: {models} models");
        test(context, package)
            .next("loom printed the failing execution; set LOOM_LOG=trace LOOM_LOCATION=1 to see its steps")
            .run()?;
    }
    Ok(())
}

fn test(context: &Context, package: &str) -> Cmd {
    Cmd::cargo("test")
        .args(["--quiet", "-p", package, "--release", "--lib", "loom"])
        .env_append("RUSTFLAGS", "--cfg loom")
        .env("CARGO_TARGET_DIR", context.root.join("target/loom"))
        // Models run for seconds; link-time optimisation would cost more than it saves.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        // Three preemptions find nearly every bug and keep the search finite in minutes.
        .env(
            "LOOM_MAX_PREEMPTIONS",
            std::env::var_os("LOOM_MAX_PREEMPTIONS").unwrap_or_else(|| "3".into()),
        )
        .dir(&context.root)
}

fn count(listing: &str) -> usize {
    listing
        .lines()
        .filter(|line| line.ends_with(": test"))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tests_are_counted() {
        assert_eq!(
            count("ring::loom::wraps: test\nring::loom::speed: benchmark\n\n1 test, 1 benchmark\n"),
            1
        );
        assert_eq!(count("0 tests, 0 benchmarks\n"), 0);
    }
}
