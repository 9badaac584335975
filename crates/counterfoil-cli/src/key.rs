//! `counterfoil key`: the keys of logs and of witnesses.

mod described;
pub(crate) mod epochs;
pub(crate) mod generate;
pub(crate) mod rotate;
pub(crate) mod show;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key in a new file that only its owner can read
    Generate(generate::GenerateArgs),
    /// Print the public half of a key file
    Show(show::ShowArgs),
    /// Replace the key of a log by a new one that the old one vouches for
    Rotate(rotate::RotateArgs),
    /// List the key epochs of a log, and whether each is sealed by the one before
    Epochs(epochs::EpochsArgs),
}

/// Runs one of them.
pub(crate) fn run(command: &KeyCommand) -> Result<ExitCode, Failure> {
    match command {
        KeyCommand::Generate(args) => generate::run(args),
        KeyCommand::Show(args) => show::run(args),
        KeyCommand::Rotate(args) => rotate::run(args),
        KeyCommand::Epochs(args) => epochs::run(args),
    }
}
