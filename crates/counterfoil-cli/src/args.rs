//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::audit::{
    CanonicaliseArgs, CheckArgs, EraseArgs, ExportArgs, IndexArgs, ProveArgs, PruneArgs, QueryArgs,
    RehearseArgs, ReplayArgs, RevealArgs, ServeArgs,
};
use crate::collect::CollectArgs;
use crate::explain::ExplainArgs;
use crate::gate::GateArgs;
use crate::key::KeyCommand;
use crate::load::LoadArgs;
use crate::moment::parse_age;
use crate::tenant::TenantCommand;
use crate::verify::TrustArgs;
use crate::witness::WitnessCommand;

/// Observe from one call, and prove later that the record was not changed.
#[derive(Debug, Parser)]
#[command(
    name = "counterfoil",
    version,
    max_term_width = 80,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a real lease manager and watch it in three layers
    Demo(DemoArgs),
    /// Check an audit log against a trusted head, without a network
    Verify(VerifyArgs),
    /// Say what a code of a finding or an error means, and what to do
    Explain(ExplainArgs),
    /// Check that a workspace's code keeps the rules of observability
    Gate(GateArgs),
    /// Read, prove and serve an audit log; erase values, and let records go
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Make, show and replace keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Send sealed chains to a collector, and count what becomes of them
    Load(LoadArgs),
    /// Cosign the heads of other logs, so that none can show two histories
    #[command(subcommand)]
    Witness(WitnessCommand),
    /// Take sealed records from many producers, verify and keep them
    Collect(CollectArgs),
    /// Make and list the keys of the collector's tenants
    #[command(subcommand)]
    Tenant(TenantCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Print the records that have every key asked for
    Query(Box<QueryArgs>),
    /// Build the index that keeps queries of a large log fast
    Index(IndexArgs),
    /// Rebuild a lease's history, or the leases held at a moment, and say how far
    /// each statement is anchored
    Replay(ReplayArgs),
    /// Write records as events that a SIEM understands
    Export(Box<ExportArgs>),
    /// Repair a copy of records that another program wrote again
    Canonicalise(CanonicaliseArgs),
    /// Forget a value: destroy its opening and seal that it was erased
    Erase(EraseArgs),
    /// Remove the oldest segments, as retention allows
    Prune(PruneArgs),
    /// Print an erasable value, checked against its commitment
    Reveal(RevealArgs),
    /// Write a receipt for a record, which verifies with nothing else
    Prove(ProveArgs),
    /// Check a receipt against its record, by a policy
    Check(CheckArgs),
    /// Serve the log to clients of C2SP tlog-tiles, read-only
    Serve(ServeArgs),
    /// Live the life of a log with short segments, for fault injection
    #[command(hide = true)]
    Rehearse(RehearseArgs),
}

/// How a result is written to standard output: for people, or as one JSON document with a schema name and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// How long to run; DIR grows by about a megabyte a second
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) seconds: u64,
    /// What to keep log, anchor, key and events in; a log in it is continued
    /// [default: a new temporary directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Have heads cosigned by the witnesses of this C2SP tlog-policy before they
    /// are anchored; heads that contradict each other are kept in DIR/evidence
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Where to serve /metrics and /health; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9464", value_parser = parse_address)]
    pub(crate) metrics_addr: SocketAddr,
    /// How many threads take leases
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: u16,
    /// Seed of everything that is drawn by lot
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub(crate) seed: u64,
    /// No live figures
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Form of the totals
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// Go on serving /metrics and /health for this long after the end, or until interrupted
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub(crate) linger: u64,
    /// Write <lease> <kind> here for each record that was acknowledged durable
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) acks: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 valid up to the trusted head; 1 tampered; 2 usage; 3 incomplete
(no trusted head, or something is missing); 4 unreadable; 5 key or policy not met.")]
pub(crate) struct VerifyArgs {
    /// A log directory, or a file of records
    #[arg(value_name = "LOG_OR_JSONL")]
    pub(crate) log: PathBuf,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Refuse records after the trusted head
    #[arg(long)]
    pub(crate) require_anchored_tail: bool,
    /// Refuse records after the trusted head that are older than this, such as 10m
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    pub(crate) max_tail_age: Option<Duration>,
    /// Go on from what the last verification kept here, and keep anew what this one
    /// finds valid; made if it is not there. Keep it where the anchor is
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Check hashes and links only, not the grammar of bodies; the verdict says so
    #[arg(long)]
    pub(crate) hash_only: bool,
    /// Form of the verdict
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// How many threads hash [default: one per processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
}

pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "not an address such as 127.0.0.1:9464 or [::1]:0".to_owned())
}
