//! `counterfoil audit erase`: forgets one value of one record.

use std::process::ExitCode;

use clap::Args;
use counterfoil::audit::{Erasure, erased_by};
use serde::Serialize;

use super::writer::{PATIENCE, WriterArgs, close, failure};
use crate::args::Output;
use crate::escape::Escaped;
use crate::failure::Failure;
use crate::result;

#[derive(Debug, Args)]
#[command(after_help = "\
What is destroyed is the opening in LOG/openings, by writing over it where it
lies. Copies, backups and snapshots of that folder are not reached.

Exit codes: 0 erased, now or before; 2 no erasable value there; 4 a writer holds
the log, or it cannot be read or written; 5 the log's key is not given.")]
pub(crate) struct EraseArgs {
    #[command(flatten)]
    writer: WriterArgs,
    /// The record
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..1 << 53))]
    seq: u64,
    /// The value in its body, as a JSON pointer such as /who/principal
    #[arg(long, value_name = "POINTER")]
    field: String,
    /// Why; it is sealed
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// The document `counterfoil.audit.erase`.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u32,
    /// `erased`, `recorded` or `already_erased`.
    outcome: &'static str,
    seq: u64,
    field: &'a str,
    /// The record that says so.
    erased_by: u64,
}

/// Destroys the opening and seals that it did.
pub(crate) fn run(args: &EraseArgs) -> Result<ExitCode, Failure> {
    let (builder, _) = args.writer.builder()?;
    let log = &args.writer.log;
    let before = erased_by(log, args.seq, &args.field).map_err(|error| failure(&error))?;
    let erasure = match before {
        // Nothing has to be added to the log.
        Some(seq) => Erasure::AlreadyErased { seq },
        None => {
            let log = args.writer.open(builder)?;
            let erasure = log
                .erase(args.seq, &args.field, &args.reason, PATIENCE)
                .map_err(|error| failure(&error));
            let closed = close(&log);
            let erasure = erasure?;
            closed?;
            erasure
        }
    };
    result::print(&shown(args, erasure)?)?;
    Ok(ExitCode::SUCCESS)
}

fn shown(args: &EraseArgs, erasure: Erasure) -> Result<String, Failure> {
    let (outcome, by, what) = match erasure {
        Erasure::Erased { seq } => ("erased", seq, "erased"),
        Erasure::Recorded { seq } => (
            "recorded",
            seq,
            "its opening was gone before, and now it is recorded as erased",
        ),
        Erasure::AlreadyErased { seq } => ("already_erased", seq, "it was erased before"),
    };
    match args.output {
        Output::Json => result::json(&Document {
            schema: "counterfoil.audit.erase",
            version: 1,
            outcome,
            seq: args.seq,
            field: &args.field,
            erased_by: by,
        }),
        Output::Text => Ok(format!(
            "{} of record {}: {what}, as record {by} says\n",
            Escaped(&args.field),
            args.seq
        )),
    }
}
