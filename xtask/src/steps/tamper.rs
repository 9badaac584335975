//! The tamper matrix of the audit chain: what CI runs of it, and all of it.

use crate::command::Cmd;
use crate::failure::Result;
use crate::pipeline::Context;

use super::rust::nextest;

/// What CI runs as part of all tests.
pub(crate) fn run(context: &Context) -> Result<()> {
    nextest(
        context,
        &[
            "-p",
            "counterfoil-audit",
            "-E",
            "test(/^(tamper|differential)::/)",
        ],
    )
}

/// Every bit, every byte and a million logs, on all processors; each test prints what it did.
pub(crate) fn long(context: &Context) -> Result<()> {
    Cmd::cargo("test")
        .args(["--release", "-p", "counterfoil-audit", "--test", "it"])
        .args(["tamper::", "--", "--ignored", "--nocapture"])
        // What is measured is the verdict; link-time optimisation would cost more than it saves.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_TARGET_DIR", context.root.join("target/tamper"))
        .dir(&context.root)
        .next("the message names the bit, the cut or the seed of the log")
        .run()
}
