//! `counterfoil tenant list`: which keys there are.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use counterfoil_collector::Scope;
use counterfoil_collector::auth::{KeyEntry, TenantsFile};
use serde::Serialize;

use super::files;
use crate::args::Output;
use crate::collect;
use crate::escape::Escaped;
use crate::failure::Failure;
use crate::result;

#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 listed; 2 the configuration is wrong; 5 the tenants file cannot be
read.")]
pub(crate) struct ListArgs {
    /// The collector's configuration, which names the tenants file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Form of the list
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// The document `counterfoil.tenants`.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    version: u32,
    keys: Vec<Listed>,
}

#[derive(Serialize)]
struct Listed {
    id: String,
    tenant: String,
    scopes: Vec<&'static str>,
    not_before: Option<String>,
    not_after: Option<String>,
    note: Option<String>,
}

impl From<KeyEntry> for Listed {
    fn from(key: KeyEntry) -> Self {
        Self {
            id: key.id,
            tenant: key.tenant.to_string(),
            scopes: key.scopes.each().map(Scope::name).collect(),
            not_before: key.not_before.map(|it| it.to_string()),
            not_after: key.not_after.map(|it| it.to_string()),
            note: key.note,
        }
    }
}

/// Lists the keys.
pub(crate) fn run(args: &ListArgs) -> Result<ExitCode, Failure> {
    let files = files(&args.config)?;
    let tenants = TenantsFile::read(&files.tenants).map_err(|error| collect::failure(&error))?;
    let keys: Vec<Listed> = tenants.keys.into_iter().map(Listed::from).collect();
    let text = match args.output {
        Output::Text => keys.iter().map(line).collect(),
        Output::Json => result::json(&Document {
            schema: "counterfoil.tenants",
            version: 1,
            keys,
        })?,
    };
    result::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn line(key: &Listed) -> String {
    let end = key.not_after.as_deref().unwrap_or("no end");
    let scopes = key.scopes.join(",");
    let note = key.note.as_deref().unwrap_or_default();
    let line = format!("cfk_{}  {}  {scopes}  {end}  {note}", key.id, key.tenant);
    format!("{}\n", Escaped(line.trim_end()))
}
