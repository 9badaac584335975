//! The collector under load, killed every 20 seconds, for as long as is asked for. The tests have a form of seconds.

use crate::command::Cmd;
use crate::failure::Result;
use crate::pipeline::Context;

/// The one test.
const TEST: &str = "endure::";

/// Runs it for so many minutes, optimised.
pub(crate) fn run(context: &Context, minutes: u64) -> Result<()> {
    Cmd::cargo("test")
        .args(["--release", "--package", "counterfoil-cli"])
        .args(["--test", "it", "--", TEST, "--nocapture"])
        .env("COUNTERFOIL_ENDURE_SECONDS", (minutes * 60).to_string())
        .dir(&context.root)
        .next("the report above says which chain has lost what, or has it twice")
        .run()
}
