//! `counterfoil audit query`.

mod csv;
mod follow;
mod line;
mod local;
mod remote;
mod sink;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use counterfoil::{ChainId, Clock, SystemClock};

use super::filter::FilterArgs;
use crate::failure::Failure;
use sink::Sink;

/// How records are written to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecordOutput {
    /// A line each, for people
    Text,
    /// The lines of the log, byte for byte
    Jsonl,
    /// A table for spreadsheets
    Csv,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Times are RFC 3339 with or without a fraction, such as 2026-11-20T19:55:54Z, or
relative to now, such as -5m or -1h30m. A collector is shown the key in the
environment variable COUNTERFOIL_KEY, or the one in --key-file.")]
pub(crate) struct QueryArgs {
    /// A log directory, or a file of records
    #[arg(value_name = "LOG")]
    pub(crate) log: Option<PathBuf>,
    /// A collector to ask instead, such as https://collector.example:9468
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Only this chain of the collector [default: each one of the tenant]
    #[arg(long, value_name = "ID")]
    pub(crate) chain: Option<ChainId>,
    /// A file that holds the key to the collector
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Trust these certification authorities, in PEM, instead of the public ones
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Let the key go over plain http to another host, where others can read it
    #[arg(long)]
    pub(crate) plaintext: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Print so many records at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Go on with what is added, until interrupted
    #[arg(long)]
    pub(crate) follow: bool,
    /// Ask the log alone, every line of it, and no index beside it
    #[arg(long)]
    pub(crate) no_index: bool,
    /// Form of the records
    #[arg(long, value_enum, default_value_t = RecordOutput::Text, hide_possible_values = true, help = "Form of the records: text, jsonl (the log's own lines) or csv")]
    pub(crate) output: RecordOutput,
}

/// Prints the records that have every key asked for, in the order of the log. It reads and does not judge: `verify` does.
pub(crate) fn run(args: &QueryArgs) -> Result<ExitCode, Failure> {
    let filter = args.filter.read(SystemClock::new().utc())?;
    let sink = Sink::new(args.output, args.limit);
    let of_collectors =
        args.chain.is_some() || args.key_file.is_some() || args.ca_file.is_some() || args.plaintext;
    let why = match (&args.url, &args.log) {
        (Some(url), None) if !args.no_index => {
            remote::run(args, url, filter, sink)?;
            return Ok(ExitCode::SUCCESS);
        }
        (None, Some(log)) if !of_collectors => {
            local::run(args, log, filter, sink)?;
            return Ok(ExitCode::SUCCESS);
        }
        (Some(_), None) => "--no-index is for a log; a collector keeps its indexes itself",
        (None, Some(_)) => {
            "--chain, --key-file, --ca-file and --plaintext are for a collector; name it with --url"
        }
        (Some(_), Some(_)) => "give a log, or a collector with --url, not both",
        (None, None) => "give a log, or a collector with --url",
    };
    Err(Failure::usage(why))
}
