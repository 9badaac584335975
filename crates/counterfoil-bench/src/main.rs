//! Measures Counterfoil against stock crates and the physical floor: `counterfoil-bench hot-path [--json]`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its result on stdout and its progress on stderr"
)]

mod audit_path;
mod hot_path;
mod lifecycle;
mod measure;
mod per_operation;
mod reading;
mod row;
mod stock;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::measure::Effort;

/// Measures Counterfoil against stock crates and the physical floor, in one run.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What a call costs the service, a scrape the scraper, a record the sealer.
    HotPath {
        /// One JSON object per row instead of a table.
        #[arg(long)]
        json: bool,
        /// A tenth of the time: to see that it runs, not to quote.
        #[arg(long)]
        quick: bool,
        /// Only what is called so: operation, queued, sealed, ring, scrape, seal, verify, durable.
        #[arg(long, default_value = "")]
        only: String,
    },
}

fn main() -> ExitCode {
    let What::HotPath { json, quick, only } = Args::parse().what;
    let effort = if quick {
        Effort {
            rounds: 3,
            round: Duration::from_millis(20),
        }
    } else {
        Effort {
            rounds: 9,
            round: Duration::from_millis(150),
        }
    };
    let result = hot_path::run(effort, &only, |row| {
        println!("{}", if json { row.to_json() } else { row.to_text() });
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
