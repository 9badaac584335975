//! `counterfoil witness`: cosigning the heads of other logs.

pub(crate) mod serve;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum WitnessCommand {
    /// Cosign the heads of the logs of a policy, over HTTP
    Serve(serve::ServeArgs),
}

/// Runs one of them.
pub(crate) fn run(command: &WitnessCommand) -> Result<ExitCode, Failure> {
    match command {
        WitnessCommand::Serve(args) => serve::run(args),
    }
}
