//! `counterfoil audit prune`: removes the oldest segments of a log.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use counterfoil::audit::Retention;
use serde::Serialize;

use super::writer::{PATIENCE, WriterArgs, close, failure};
use crate::args::Output;
use crate::escape::Escaped;
use crate::failure::Failure;
use crate::moment::parse_age;
use crate::result;

#[derive(Debug, Args)]
#[command(after_help = "\
Whole segments go, the oldest first, after records that say so are anchored.
Their openings are destroyed; their hash tiles stay, so every proof still
verifies. A limit that is given becomes the log's, and a config_changed record
says so; without one, the log's own limits hold.

Exit codes: 0 pruned, or nothing was due; 2 no limit; 4 a writer holds the log,
or it cannot be read or written; 5 the log's key is not given.")]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    writer: WriterArgs,
    /// Let records go that are older than this, such as 90d
    #[arg(long, value_name = "AGE", value_parser = parse_max_age)]
    max_age: Option<Duration>,
    /// Let records go while the log is longer than this
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    max_bytes: Option<u64>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// A length of time, or whole days of 24 hours such as `90d`.
fn parse_max_age(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d');
    match days.and_then(|days| days.parse::<u32>().ok()) {
        Some(days) => Ok(Duration::from_secs(u64::from(days) * 86_400)),
        None => parse_age(text).map_err(|why| format!("{why}, and no number of days such as 90d")),
    }
}

/// The document `counterfoil.audit.prune`.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    version: u32,
    /// The first record that is left.
    first_seq: u64,
}

/// Prunes the log.
pub(crate) fn run(args: &PruneArgs) -> Result<ExitCode, Failure> {
    let (mut builder, last) = args.writer.builder()?;
    let given = Retention {
        max_age_s: args.max_age.map(|age| age.as_secs().max(1)),
        max_bytes: args.max_bytes,
    };
    let own = &last.opened.retention;
    if (given.max_age_s, given.max_bytes) != (None, None) {
        builder = builder.retention(given);
    } else if (own.max_age_s, own.max_bytes) == (None, None) {
        return Err(Failure::usage(format!(
            "the log in {} keeps everything; give --max-age or --max-bytes",
            args.writer.log.display()
        )));
    }
    let log = args.writer.open(builder)?;
    let pruned = log.prune(PATIENCE).map_err(|error| failure(&error));
    let closed = close(&log);
    let first_seq = pruned?;
    closed?;
    let shown = match args.output {
        Output::Json => result::json(&Document {
            schema: "counterfoil.audit.prune",
            version: 1,
            first_seq,
        })?,
        Output::Text => format!(
            "{} begins with record {first_seq}\n",
            Escaped(&args.writer.log.display().to_string())
        ),
    };
    result::print(&shown)?;
    Ok(ExitCode::SUCCESS)
}
