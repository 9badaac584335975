//! `counterfoil key generate`: a new key in a new file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use counterfoil::ChainId;
use counterfoil::signer::Ed25519Signer;

use super::described::{print, public, refused};
use crate::args::Output;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(after_help = "\
The file holds one line, PRIVATE+KEY+name+id+base64, has mode 0600 and is never
overwritten. Keep it where the log's writer can read it and nobody else; give
the printed vkey to whoever verifies. The keys of epochs are made by the log.

Exit codes: 0 made; 2 no such name; 5 the file exists or cannot be written.")]
pub(crate) struct GenerateArgs {
    /// The file to make
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The chain's id, such as audit.example.com/leases/1; for a witness its
    /// own name, such as witness.example.com
    #[arg(long, value_name = "NAME")]
    name: String,
    /// What the key is to sign
    #[arg(long, value_enum, default_value_t = Role::Log)]
    role: Role,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// What a key signs. One key has one role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Role {
    /// The checkpoints of a log
    Log,
    /// Every record of a log, at low rates
    Record,
    /// The checkpoints of other logs, for `counterfoil witness serve`
    Witness,
}

/// Makes the key and prints its public half.
pub(crate) fn run(args: &GenerateArgs) -> Result<ExitCode, Failure> {
    let name = match args.role {
        Role::Log => chain(&args.name)?,
        Role::Record => format!("{}/record", chain(&args.name)?),
        Role::Witness => args.name.clone(),
    };
    let signer = Ed25519Signer::generate(&name, getrandom::fill).map_err(|error| {
        // The name is the one thing about it that a user can get wrong.
        Failure::usage(error.to_string())
    })?;
    signer.save(&args.file).map_err(|error| refused(&error))?;
    let of_witness = args.role == Role::Witness;
    print(
        &public(&signer, of_witness)?,
        of_witness,
        &args.file,
        args.output,
    )?;
    Ok(ExitCode::SUCCESS)
}

fn chain(name: &str) -> Result<String, Failure> {
    let id = ChainId::new(name).map_err(|error| {
        Failure::usage(format!(
            "a key of a log is named by the chain, with its incarnation, such as audit.example.com/leases/1: {error}"
        ))
    })?;
    Ok(id.to_string())
}
