//! `counterfoil tenant`: the keys of the collector's tenants.

mod key;
mod list;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use counterfoil_collector::auth::AuthFiles;
use counterfoil_collector::config::Config;

use crate::collect;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Make a key, print it once, and add what is kept of it to the tenants file
    Key(key::KeyArgs),
    /// List the keys of the tenants file, which shows no secrets
    List(list::ListArgs),
}

/// Runs one of them.
pub(crate) fn run(command: &TenantCommand) -> Result<ExitCode, Failure> {
    match command {
        TenantCommand::Key(args) => key::run(args),
        TenantCommand::List(args) => list::run(args),
    }
}

/// The files that the configuration names.
fn files(config: &Path) -> Result<AuthFiles, Failure> {
    let read = Config::read(config).map_err(|error| collect::failure(&error))?;
    let auth = read.auth.as_ref().ok_or_else(|| {
        Failure::usage(format!(
            "{} has no [auth], so there are no keys; add: [auth] with tenants = \"tenants.toml\" and server_key = \"tenants.key\"",
            config.display(),
        ))
    })?;
    Ok(auth.files())
}
