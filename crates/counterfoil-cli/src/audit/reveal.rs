//! `counterfoil audit reveal`: an erasable value, out of its opening.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use counterfoil::audit::{ErrorKind, reveal};
use serde::Serialize;
use serde_json::Value;

use super::writer::failure;
use crate::args::Output;
use crate::escape::Escaped;
use crate::failure::{Exit, Failure};
use crate::result;
use crate::verify::require_log;

#[derive(Debug, Args)]
#[command(after_help = "\
The value is checked against the commitment in the record. Reading it is not
recorded in the log: the program that keeps the log can seal an access record.

Exit codes: 0 shown; 1 the opening is not that of the record; 2 no erasable
value there; 3 it was erased, or its opening is not there; 4 unreadable.")]
pub(crate) struct RevealArgs {
    /// A log directory; a writer may be at work on it
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// The record
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..1 << 53))]
    seq: u64,
    /// The value in its body, as a JSON pointer such as /who/principal
    #[arg(long, value_name = "POINTER")]
    field: String,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// The document `counterfoil.audit.reveal`.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u32,
    seq: u64,
    field: &'a str,
    value: &'a Value,
}

/// Prints the value.
pub(crate) fn run(args: &RevealArgs) -> Result<ExitCode, Failure> {
    require_log(&args.log)?;
    let text = match reveal(&args.log, args.seq, &args.field) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::Gone => {
            return Err(Failure::new(Exit::Incomplete, error.to_string()));
        }
        Err(error) => return Err(failure(&error)),
    };
    let value: Value = serde_json::from_str(text.expose()).map_err(|error| {
        Failure::new(
            Exit::Contradiction,
            format!("the value in the opening is no JSON: {error}"),
        )
    })?;
    let shown = match (args.output, &value) {
        (Output::Json, value) => result::json(&Document {
            schema: "counterfoil.audit.reveal",
            version: 1,
            seq: args.seq,
            field: &args.field,
            value,
        })?,
        (Output::Text, Value::String(text)) => format!("{}\n", Escaped(text)),
        (Output::Text, _) => format!("{}\n", Escaped(text.expose())),
    };
    result::print(&shown)?;
    Ok(ExitCode::SUCCESS)
}
