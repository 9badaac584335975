//! Measures Counterfoil against stock crates and the physical floor: `counterfoil-bench hot-path|audit|instrumentation|wrk [--json]`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its result on stdout and its progress on stderr"
)]

mod audit;
mod collector;
mod group;
mod hot_path;
mod instrumentation;
mod lifecycle;
mod measure;
mod per_operation;
mod reading;
mod row;
mod stock;
mod wrk;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::instrumentation::Side;
use crate::measure::Effort;
use crate::row::Row;

/// Measures Counterfoil against stock crates and the physical floor, in one run.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct CommandLine {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What a call costs the service, and a scrape the scraper.
    HotPath {
        /// Only what is called so: operation, queued, sealed, ring, scrape.
        #[arg(long, default_value = "")]
        only: String,
        #[command(flatten)]
        how: How,
    },
    /// The audit log against its peers and the bare hash: append, sync, verify, prove, sign.
    Audit {
        /// Only what is called so: append-memory, append-written, durable, verify, intake, proof, sign, flat.
        #[arg(long, default_value = "")]
        only: String,
        /// Logs of ten million records where one million is the rule.
        #[arg(long)]
        long: bool,
        #[command(flatten)]
        how: How,
    },
    /// What a request, a span, a disabled callsite, a scrape and a redacted text cost.
    Instrumentation {
        /// Only what is called so: request, span, callsite, scrape, redact.
        #[arg(long, default_value = "")]
        only: String,
        #[command(flatten)]
        how: How,
    },
    /// The throughput of an axum service with and without layers, under wrk; about two minutes.
    Wrk {
        /// Rounds in which each service is loaded once.
        #[arg(long, default_value_t = 9)]
        rounds: usize,
        /// How long one load takes.
        #[arg(long, default_value_t = 3)]
        seconds: u64,
        #[command(flatten)]
        how: How,
    },
    /// The collector's ingest over loopback HTTP, as fast as it goes and at half that rate.
    Collector {
        /// Only what is called so: ingest.
        #[arg(long, default_value = "")]
        only: String,
        /// How long each load takes.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        #[command(flatten)]
        how: How,
    },
    /// One service of `wrk`, until standard input ends.
    #[command(hide = true)]
    Serve { kind: wrk::Kind },
    /// One side of a comparison, in this process; what `instrumentation` starts.
    #[command(hide = true)]
    Side {
        side: Side,
        /// How long it runs.
        #[arg(long)]
        millis: u64,
    },
}

#[derive(Args, Debug)]
struct How {
    /// One JSON object per row instead of a table.
    #[arg(long)]
    json: bool,
    /// A tenth of the time: to see that it runs, not to quote.
    #[arg(long)]
    quick: bool,
}

impl How {
    const fn effort(&self) -> Effort {
        let (rounds, millis) = if self.quick { (3, 20) } else { (9, 150) };
        Effort {
            rounds,
            round: Duration::from_millis(millis),
        }
    }

    fn print(&self, row: &Row) {
        println!(
            "{}",
            if self.json {
                row.to_json()
            } else {
                row.to_text()
            }
        );
    }
}

fn main() -> ExitCode {
    let result = match CommandLine::parse().what {
        What::HotPath { only, how } => hot_path::run(how.effort(), &only, |row| how.print(row)),
        What::Audit { only, long, how } => {
            audit::run(how.effort(), &only, long, |row| how.print(row))
        }
        What::Instrumentation { only, how } => {
            instrumentation::run(how.effort(), &only, |row| how.print(row))
        }
        What::Wrk { how, .. } if how.quick => wrk::run(2, 1, |row| how.print(row)),
        What::Wrk {
            rounds,
            seconds,
            how,
        } => wrk::run(rounds, seconds, |row| how.print(row)),
        What::Collector { only, seconds, how } => {
            let seconds = if how.quick { 1 } else { seconds };
            collector::run(Duration::from_secs(seconds), &only, |row| how.print(row))
        }
        What::Serve { kind } => wrk::serve(kind),
        What::Side { side, millis } => side
            .measure(Duration::from_millis(millis))
            .map(|figure| println!("{figure}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
