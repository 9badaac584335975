//! Crash points of the audit log by the hundred thousand, in an optimised build that keeps its checks.

use crate::command::Cmd;
use crate::failure::Result;
use crate::pipeline::Context;

/// How many CI looks at.
const POINTS: u64 = 200_000;
/// The exploration, and the tests of its oracle.
const TESTS: &str = "crash_points::";

/// As many as CI looks at, with the seed of the commit.
pub(crate) fn ci(context: &Context) -> Result<()> {
    run(context, POINTS, None)
}

/// Looks at `points` crash points or more. Without a seed the commit gives one: another commit looks at other points, and the
/// same commit at the same ones.
pub(crate) fn run(context: &Context, points: u64, seed: Option<u64>) -> Result<()> {
    let seed = match seed {
        Some(seed) => seed,
        None => seed_of_commit(context),
    };
    println!("seed {seed}");
    Cmd::cargo("test")
        .args(["--profile", "crash", "--package", "counterfoil-audit"])
        .args([
            "--test",
            "it",
            "--",
            TESTS,
            "--nocapture",
            "--test-threads=1",
        ])
        .env("COUNTERFOIL_CRASH_POINTS", points.to_string())
        .env("COUNTERFOIL_CRASH_SEED", seed.to_string())
        .dir(&context.root)
        .next("each violation above ends with the command that shows it again")
        .run()
}

fn seed_of_commit(context: &Context) -> u64 {
    Cmd::new("git")
        .args(["rev-parse", "HEAD"])
        .dir(&context.root)
        .stdout()
        .ok()
        .and_then(|commit| first_digits(&commit))
        .unwrap_or(1)
}

/// The first 15 hexadecimal digits, which a signed number of 64 bits can hold as well.
fn first_digits(commit: &str) -> Option<u64> {
    u64::from_str_radix(commit.get(..15)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_gives_a_seed_and_what_is_none_does_not() {
        assert_eq!(
            first_digits("00000000000001f0123456789abcdef012345678\n"),
            Some(31)
        );
        assert_eq!(first_digits("fatal: not a repository"), None);
    }
}
