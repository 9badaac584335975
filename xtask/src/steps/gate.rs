//! Our own gate on our own code.

use crate::command::Cmd;
use crate::failure::Result;
use crate::pipeline::Context;

/// Fails when `counterfoil gate` finds something in this workspace.
pub(crate) fn run(context: &Context) -> Result<()> {
    Cmd::cargo("run")
        .args(["--quiet", "-p", "counterfoil-cli", "--", "gate"])
        .dir(&context.root)
        .next("mend what was found, or list an exception with its reason: docs/operating/gate.md")
        .run()
}
