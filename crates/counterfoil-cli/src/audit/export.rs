//! `counterfoil audit export`: records as events of another schema.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use counterfoil::{Clock, SystemClock};
use counterfoil_query::{Next, Search, ocsf};

use super::filter::FilterArgs;
use super::reading::{malformed, note_unfinished};
use crate::failure::Failure;
use crate::result::written;

/// What records are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Events of the Open Cybersecurity Schema Framework, version 1.8.0
    Ocsf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Each event is a line of JSON. It names its record by chain, number and hash, so
that it can be traced to its proof. An export reads and does not judge: run
`counterfoil verify` on the log.

Times are RFC 3339 with or without a fraction, such as 2026-11-20T19:55:54Z, or
relative to now, such as -5m or -1h30m.")]
pub(crate) struct ExportArgs {
    /// A log directory, or a file of records
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// The schema of the events
    #[arg(long, value_enum)]
    format: Format,
    #[command(flatten)]
    filter: FilterArgs,
}

/// Writes the records that meet the filter, in the order of the log. Every line of the log is looked at: what an index has
/// overlooked would be missing without a word.
pub(crate) fn run(args: &ExportArgs) -> Result<ExitCode, Failure> {
    let filter = args.filter.read(SystemClock::new().utc())?;
    let mut search = Search::scan(&args.log, filter)?;
    let mut out = BufWriter::new(io::stdout().lock());
    loop {
        match search.read()? {
            Next::Record(record) => {
                let event = match args.format {
                    Format::Ocsf => ocsf::event(&record)?,
                };
                if !written(writeln!(out, "{event}"))? {
                    return Ok(ExitCode::SUCCESS);
                }
            }
            Next::Malformed { place, why } => {
                // What was found before it stands, and is written.
                written(out.flush())?;
                return Err(malformed(&place, &why));
            }
            Next::Unfinished { place } => {
                written(out.flush())?;
                note_unfinished(&place);
                return Ok(ExitCode::SUCCESS);
            }
            Next::End => {
                written(out.flush())?;
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}
