//! `counterfoil gate`: does the code of a workspace keep the rules that make it observable and keep secrets in?
//!
//! It reads tokens, so comments and strings do not fool it, and follows names through `use`; it does not know types. What it
//! cannot see is written down in `docs/operating/gate.md`.

mod exceptions;
mod finding;
mod imports;
mod items;
mod metadata;
mod reach;
mod report;
pub(crate) mod rules;
mod source;
mod tokens;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::args::Output;
use crate::explain;
use crate::failure::{Exit, Failure};
use crate::result;
use rules::Rule;

#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 nothing found; 1 something found; 2 it could not be checked.
Exceptions stand in a package's Cargo.toml, each with a reason:

  [[package.metadata.counterfoil.gate]]
  rule = \"print\"
  file = \"src/report.rs\"   # the whole package without it
  reason = \"the report is what this command is for\"")]
pub(crate) struct GateArgs {
    /// The Cargo.toml of the workspace [default: the one of this directory]
    #[arg(long, value_name = "FILE")]
    manifest_path: Option<PathBuf>,
    /// Say what a rule asks for and why, such as init or CF-G-INIT
    #[arg(long, value_name = "RULE")]
    explain: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Checks the workspace, or explains a rule.
pub(crate) fn run(args: &GateArgs) -> Result<ExitCode, Failure> {
    if let Some(text) = &args.explain {
        let rule = Rule::find(text).ok_or_else(|| {
            let known: Vec<String> = Rule::ALL.iter().map(|rule| rule.name()).collect();
            Failure::usage(format!(
                "there is no rule {text:?}; there are {}",
                known.join(", ")
            ))
        })?;
        return explain::one(rule.code(), args.output);
    }
    let metadata = metadata::Metadata::read(args.manifest_path.as_deref())?;
    let workspace = workspace::Workspace::read(metadata)?;
    let mut findings = rules::findings(&workspace);
    let exceptions = exceptions::apply(&workspace, &mut findings)?;
    let text = match args.output {
        Output::Text => report::text(&workspace, &findings, &exceptions),
        Output::Json => result::json(&report::Document::new(&workspace, &findings, &exceptions))?,
    };
    result::print(&text)?;
    Ok(match findings.is_empty() {
        true => ExitCode::SUCCESS,
        false => Exit::Contradiction.into(),
    })
}
