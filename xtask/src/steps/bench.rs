//! Benchmarks are optimised programs of the unpublished crate `counterfoil-bench`.

use crate::command::Cmd;
use crate::debian;
use crate::failure::Result;
use crate::pipeline::Context;

/// Runs one benchmark, and installs what it needs before; its output goes to standard output untouched.
pub(crate) fn run(context: &Context, name: &str, arguments: &[String]) -> Result<()> {
    debian::ensure(context.ci)?;
    if name == "collector" {
        Cmd::cargo("build")
            .args(["--quiet", "--release", "-p", "counterfoil-cli"])
            .dir(&context.root)
            .run()?;
    }
    Cmd::cargo("run")
        .args([
            "--quiet",
            "--release",
            "-p",
            "counterfoil-bench",
            "--bin",
            "counterfoil-bench",
            "--",
            name,
        ])
        .args(arguments)
        .dir(&context.root)
        .next("check the benchmark's name and arguments")
        .run()
}
