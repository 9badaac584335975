//! `counterfoil key show`: the public half of a key file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::described::{print, public, read};
use crate::args::Output;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(after_help = "\
The secret is never printed. Exit codes: 0 shown; 5 the file is missing, can be
read by others than its owner, or holds no key.")]
pub(crate) struct ShowArgs {
    /// A key file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Show it as the key of a witness, as its cosignatures name it
    #[arg(long)]
    witness: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Prints role, name, id and verifier key.
pub(crate) fn run(args: &ShowArgs) -> Result<ExitCode, Failure> {
    let key = public(&read(&args.file)?, args.witness)?;
    print(&key, args.witness, &args.file, args.output)?;
    Ok(ExitCode::SUCCESS)
}
