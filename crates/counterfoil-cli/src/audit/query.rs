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
use counterfoil::{ChainId, Clock, SystemClock, Timestamp};
use counterfoil_query::Filter;

use crate::failure::Failure;
use crate::moment::Moment;
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
    /// A collector to ask instead, such as https://collector.example:9466
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
    /// Only the record of this number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..1 << 53))]
    pub(crate) seq: Option<u64>,
    /// Only this kind, such as lease_expired; repeatable
    #[arg(long = "kind", value_name = "KIND")]
    pub(crate) kinds: Vec<String>,
    /// Only what ended so: success, failure or unknown
    #[arg(long, value_name = "OUTCOME")]
    pub(crate) outcome: Option<String>,
    /// Only what occurred at this time or later
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) since: Option<Moment>,
    /// Only what occurred at this time or earlier
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) until: Option<Moment>,
    /// Only this lease
    #[arg(long, value_name = "ID")]
    pub(crate) lease: Option<counterfoil::LeaseId>,
    /// Only this node
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Option<String>,
    /// Only this tenant
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// Only this trace, as 32 hexadecimal digits
    #[arg(long, value_name = "ID")]
    pub(crate) trace: Option<counterfoil::TraceId>,
    /// Only this request
    #[arg(long, value_name = "ID")]
    pub(crate) request: Option<counterfoil::RequestId>,
    /// Only this person or service account, by the pseudonym in the records
    #[arg(long, value_name = "PSEUDONYM")]
    pub(crate) principal: Option<String>,
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
    let filter = filter(args, SystemClock::new().utc())?;
    let sink = Sink::new(args.output, args.limit);
    let of_collectors = args.chain.is_some() || args.key_file.is_some() || args.ca_file.is_some();
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
            "--chain, --key-file and --ca-file are for a collector; name it with --url"
        }
        (Some(_), Some(_)) => "give a log, or a collector with --url, not both",
        (None, None) => "give a log, or a collector with --url",
    };
    Err(Failure::usage(why))
}

/// The conditions on the command line; relative times count from `now`.
fn filter(args: &QueryArgs, now: Timestamp) -> Result<Filter, Failure> {
    let kinds = args.kinds.iter().map(|kind| {
        kind.parse()
            .map_err(|error| Failure::usage(format!("cannot take --kind: {error}")))
    });
    let mut filter = Filter::default();
    (filter.first, filter.last) = (args.seq, args.seq);
    filter.kinds = kinds.collect::<Result<_, _>>()?;
    if let Some(outcome) = &args.outcome {
        filter.set("outcome", outcome).map_err(|_| {
            Failure::usage("cannot take --outcome: it is success, failure or unknown")
        })?;
    }
    filter.since = args.since.map(|moment| moment.seen_from(now));
    filter.until = args.until.map(|moment| moment.seen_from(now));
    filter.lease = args.lease;
    filter.node.clone_from(&args.node);
    filter.tenant.clone_from(&args.tenant);
    filter.trace = args.trace;
    filter.request = args.request;
    filter.principal.clone_from(&args.principal);
    Ok(filter)
}
