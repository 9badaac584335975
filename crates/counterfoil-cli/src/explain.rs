//! `counterfoil explain`: what a code means and what to do about it.

mod gate;
mod table;

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::args::Output;
use crate::failure::Failure;
use crate::result;
use crate::wrap::Paragraph;
use table::{ENTRIES, Entry};

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A code such as CF-V-HASH, or a reason such as hash; without it, all are
    /// listed
    #[arg(value_name = "CODE")]
    code: Option<String>,
    /// Form of the explanation
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// The document `counterfoil.explain`.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    version: u32,
    codes: Vec<Explained>,
}

#[derive(Serialize)]
struct Explained {
    code: &'static str,
    exit_code: u8,
    title: &'static str,
    meaning: &'static str,
    causes: &'static [&'static str],
    next: &'static str,
}

/// Prints the text of one code, or the list of all.
pub(crate) fn run(args: &ExplainArgs) -> Result<ExitCode, Failure> {
    match &args.code {
        None => print(ENTRIES.iter().chain(gate::ENTRIES).collect(), args.output),
        Some(code) => one(code, args.output),
    }
}

/// Prints the text of one code.
pub(crate) fn one(code: &str, output: Output) -> Result<ExitCode, Failure> {
    let entry = table::find(code).ok_or_else(|| {
        Failure::usage(format!(
            "there is no code {code:?}; `counterfoil explain` lists them all"
        ))
    })?;
    print(vec![entry], output)
}

fn print(entries: Vec<&'static Entry>, output: Output) -> Result<ExitCode, Failure> {
    let text = match (output, &*entries) {
        (Output::Json, entries) => result::json(&Document {
            schema: "counterfoil.explain",
            version: 1,
            codes: entries.iter().map(|entry| explained(entry)).collect(),
        })?,
        (Output::Text, [entry]) => in_full(entry),
        (Output::Text, entries) => list(entries),
    };
    result::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

const fn explained(entry: &Entry) -> Explained {
    Explained {
        code: entry.code,
        exit_code: entry.exit,
        title: entry.title,
        meaning: entry.meaning,
        causes: entry.causes,
        next: entry.next,
    }
}

fn in_full(entry: &Entry) -> String {
    let mut text = Paragraph::new("", &format!("{}: {}", entry.code, entry.title)).to_string();
    text.push_str(&format!("exit code {}\n\n", entry.exit));
    text.push_str(&Paragraph::new("", entry.meaning).to_string());
    text.push_str("\nlikely causes\n");
    for cause in entry.causes {
        text.push_str(&Paragraph::new("  - ", cause).to_string());
    }
    text.push_str("\nwhat to do\n");
    text.push_str(&Paragraph::new("  ", entry.next).to_string());
    text
}

fn list(entries: &[&Entry]) -> String {
    let width = entries.iter().map(|entry| entry.code.len()).max();
    let width = width.unwrap_or_default();
    entries
        .iter()
        .map(|entry| format!("{:width$}  {}  {}\n", entry.code, entry.exit, entry.title))
        .collect()
}
