//! `counterfoil audit replay`: what sealed records alone say about leases.

mod document;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use counterfoil::{Clock, LeaseId, SystemClock};
use counterfoil_query::replay::{held, history};

use crate::args::Output;
use crate::failure::Failure;
use crate::moment::Moment;
use crate::result;
use crate::verify::{TrustArgs, require_log};

#[derive(Debug, Args)]
#[command(after_help = "\
The log is verified on the way. Each statement says how far it is vouched for:
\"anchored\" is covered by the trusted head, \"not anchored yet\" is not covered,
\"not verified\" is all that can be said of a log that does not verify.

Times are RFC 3339 with or without a fraction, such as 2026-11-20T19:55:54Z, or
relative to now, such as -5m or -1h30m.

Exit codes: those of verify.")]
#[group(id = "question", required = true, multiple = false, args = ["lease", "held_at"])]
pub(crate) struct ReplayArgs {
    /// A log directory, or a file of records
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// The history of this lease
    #[arg(long, value_name = "ID")]
    lease: Option<LeaseId>,
    /// The leases that were held at this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    held_at: Option<Moment>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Answers the question, with the exit code of the verification.
pub(crate) fn run(args: &ReplayArgs) -> Result<ExitCode, Failure> {
    require_log(&args.log)?;
    let now = SystemClock::new().utc();
    let trusted = args.trust.read()?;
    let options = trusted.options(now);
    let (answer, code) = match (args.lease, args.held_at) {
        (Some(lease), _) => {
            let history = history(&args.log, lease, &options)?;
            let answer = match args.output {
                Output::Text => text::history(&history),
                Output::Json => document::history(&history)?,
            };
            (answer, history.ground.report.exit_code())
        }
        (None, Some(moment)) => {
            let held = held(&args.log, moment.seen_from(now), &options)?;
            let answer = match args.output {
                Output::Text => text::held(&held),
                Output::Json => document::held(&held)?,
            };
            (answer, held.ground.report.exit_code())
        }
        (None, None) => {
            return Err(Failure::usage(
                "nothing is asked; give --lease ID or --held-at TIME",
            ));
        }
    };
    result::print(&answer)?;
    Ok(code.into())
}
