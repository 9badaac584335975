//! `counterfoil audit prove`: a receipt that verifies with nothing else.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use counterfoil::audit;
use counterfoil::audit::tlog::TiledLog;
use counterfoil_merkle::tlog_proof::TlogProof;
use serde::Serialize;

use super::writer::failure;
use crate::args::Output;
use crate::escape::Escaped;
use crate::failure::{Exit, Failure};
use crate::result;
use crate::verify::require_log;

#[derive(Debug, Args)]
#[command(after_help = "\
A receipt is a C2SP tlog-proof: the place of the record in the tree, and the
last checkpoint that the log published, with its signatures and cosignatures.
Keep it with the record's line; `counterfoil audit check` needs nothing else.

Exit codes: 0 written; 1 the log contradicts its checkpoint; 2 usage; 3 no
checkpoint covers the record yet; 4 unreadable.")]
pub(crate) struct ProveArgs {
    /// A log directory; a writer may be at work on it
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// The record
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..1 << 53))]
    seq: u64,
    /// Where to write the receipt, a file that does not exist; without it, it
    /// goes to standard output
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    out: Option<PathBuf>,
    /// Form of the summary that is printed when the receipt goes to a file
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// The document `counterfoil.audit.prove`.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u32,
    origin: &'a str,
    seq: u64,
    index: u64,
    size: u64,
    root: String,
    path_hashes: usize,
    signed_by: Vec<&'a str>,
    receipt: String,
    bytes: usize,
}

/// Writes the receipt.
pub(crate) fn run(args: &ProveArgs) -> Result<ExitCode, Failure> {
    require_log(&args.log)?;
    let log = TiledLog::open(&args.log).map_err(|error| failure(&error))?;
    let proof = log.prove(args.seq).map_err(|error| match error.kind() {
        audit::ErrorKind::Missing => Failure::new(Exit::Incomplete, error.to_string()),
        _ => failure(&error),
    })?;
    let text = proof.to_text();
    let Some(out) = &args.out else {
        result::print(&text)?;
        return Ok(ExitCode::SUCCESS);
    };
    write_new(out, text.as_bytes())?;
    let document = document(args.seq, &proof, out.display().to_string(), text.len());
    result::print(&match args.output {
        Output::Json => result::json(&document)?,
        Output::Text => summary(&document),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a file that was not there before, whole or not at all.
fn write_new(out: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let cannot = |error: io::Error| {
        let next = match error.kind() {
            ErrorKind::AlreadyExists => {
                "; nothing is written over, so name a file that does not exist"
            }
            _ => "",
        };
        Failure::new(
            Exit::Unreadable,
            format!(
                "cannot write the receipt to {}: {error}{next}",
                out.display()
            ),
        )
    };
    let mut file = File::create_new(out).map_err(cannot)?;
    file.write_all(bytes).map_err(|error| {
        // Half a receipt is worse than none. That it was made a moment ago is certain.
        let _stays = fs::remove_file(out);
        cannot(error)
    })
}

fn document(seq: u64, proof: &TlogProof, receipt: String, bytes: usize) -> Document<'_> {
    let checkpoint = proof.checkpoint();
    let signatures = proof.note().signatures().iter();
    Document {
        schema: "counterfoil.audit.prove",
        version: 1,
        origin: checkpoint.origin(),
        seq,
        index: proof.index(),
        size: checkpoint.size(),
        root: checkpoint.root().to_string(),
        path_hashes: proof.path().len(),
        signed_by: signatures.map(|signature| signature.name()).collect(),
        receipt,
        bytes,
    }
}

fn summary(document: &Document<'_>) -> String {
    format!(
        "record {} of {}\nis proved to be in the tree of {} records with the root\n{}\nsigned by {}\nreceipt: {}, {} bytes\n",
        document.seq,
        Escaped(document.origin),
        document.size,
        document.root,
        Escaped(&document.signed_by.join(", ")),
        Escaped(&document.receipt),
        document.bytes
    )
}
