//! `counterfoil audit index`: an index beside a log.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use counterfoil_query::index::Indexer;
use serde::Serialize;

use crate::args::Output;
use crate::failure::Failure;
use crate::result;

#[derive(Debug, Args)]
pub(crate) struct IndexArgs {
    /// A log directory; its index is in LOG/index
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// Remove the index that is there, and build it from the log alone
    #[arg(long)]
    rebuild: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    version: u32,
    /// Records that were added to the index.
    added: u64,
    /// The last record that it covers.
    up_to: u64,
    /// Files that it consists of.
    runs: usize,
}

/// Brings the index up to what the log holds now.
pub(crate) fn run(args: &IndexArgs) -> Result<ExitCode, Failure> {
    let mut indexer = Indexer::open(&args.log)?;
    if args.rebuild {
        indexer.clear()?;
    }
    indexer.prune()?;
    let indexed = indexer.update(u64::MAX, 1)?;
    match args.output {
        Output::Text => result::print(&format!(
            "added {} records; the index covers the log up to record {}\n",
            indexed.added, indexed.up_to
        ))?,
        Output::Json => result::print(&result::json(&Document {
            schema: "counterfoil.audit.index",
            version: 1,
            added: indexed.added,
            up_to: indexed.up_to,
            runs: indexed.runs,
        })?)?,
    }
    Ok(ExitCode::SUCCESS)
}
