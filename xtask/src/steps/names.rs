//! The reference of metric names, which `counterfoil-metrics` generates from its own table.

use crate::command::Cmd;
use crate::failure::Result;
use crate::pipeline::Context;

const REFERENCE: &str = "docs/reference/metrics.md";

/// Fails when the reference is stale.
pub(crate) fn check(context: &Context) -> Result<()> {
    example(context, "--check")
        .next("run `cargo xtask names --bless` and read the difference")
        .run()
}

/// Rewrites the reference.
pub(crate) fn bless(context: &Context) -> Result<()> {
    example(context, "--bless")
        .next("repair the table of names in counterfoil-metrics")
        .run()
}

fn example(context: &Context, mode: &str) -> Cmd {
    Cmd::cargo("run")
        .args([
            "--quiet",
            "-p",
            "counterfoil-metrics",
            "--example",
            "names",
            "--",
            mode,
            REFERENCE,
        ])
        .dir(&context.root)
}
