//! Formatting, lints, tests, documentation and dependency policy of the whole workspace.

use crate::command::Cmd;
use crate::debian;
use crate::failure::Result;
use crate::pipeline::Context;
use crate::tools;

/// `cargo fmt --check`.
pub(crate) fn fmt(context: &Context) -> Result<()> {
    Cmd::cargo("fmt")
        .args(["--all", "--check"])
        .dir(&context.root)
        .next("run `cargo fmt --all`")
        .run()
}

/// Clippy on everything, with warnings as errors.
pub(crate) fn clippy(context: &Context) -> Result<()> {
    lint(context, &["--workspace", "--all-features"])
}

/// Clippy with warnings as errors on a selection.
pub(crate) fn lint(context: &Context, selection: &[&str]) -> Result<()> {
    Cmd::cargo("clippy")
        .args(selection)
        .args(["--all-targets", "--", "-D", "warnings"])
        .dir(&context.root)
        .next("repair what clippy names; where it is wrong, `#[expect(…, reason = \"…\")]` on the smallest item")
        .run()
}

/// All tests, then all doctests, which nextest does not run.
pub(crate) fn test(context: &Context) -> Result<()> {
    debian::ensure(context.ci)?;
    nextest(context, &["--workspace", "--all-features"])?;
    Cmd::cargo("test")
        .args(["--doc", "--workspace", "--all-features"])
        .dir(&context.root)
        .next("repair the example in the documentation that failed")
        .run()
}

/// Tests of a selection.
pub(crate) fn nextest(context: &Context, selection: &[&str]) -> Result<()> {
    tools::NEXTEST
        .cmd(&context.root)?
        .args(["run", "--config-file", "xtask/config/nextest.toml"])
        .args(selection)
        .next("run the failing test alone: `cargo test -p <crate> <test name>`")
        .run()
}

/// API documentation, with warnings as errors.
pub(crate) fn docs(context: &Context) -> Result<()> {
    Cmd::cargo("doc")
        .args(["--no-deps", "--workspace", "--all-features"])
        .env_append("RUSTDOCFLAGS", "-D warnings")
        .dir(&context.root)
        .next("repair the link or text that rustdoc names")
        .run()
}

/// Bans, licences and sources. Advisories need a database from the network and are left to a scheduled job.
pub(crate) fn deny(context: &Context) -> Result<()> {
    tools::DENY
        .cmd(&context.root)?
        .args(["--locked", "check", "bans", "licenses", "sources"])
        .next("choose another dependency, or state an exception with its reason in deny.toml")
        .run()
}
