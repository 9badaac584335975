//! `counterfoil tenant key`: a new key for a tenant.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use counterfoil_collector::auth::{ApiKey, KeyEntry, ServerKey, TenantsFile};
use counterfoil_collector::config::Span;
use counterfoil_collector::{Scope, TenantName};
use zeroize::Zeroizing;

use super::files;
use crate::collect;
use crate::escape::Escaped;
use crate::failure::{Exit, Failure};
use crate::result;

#[derive(Debug, Args)]
#[command(after_help = "\
Scopes: ingest registers and extends chains, read reads records, verify reads
heads and proofs, admin sees the collector itself and every tenant.

The collector takes a new key within a second or two. To replace a key, make a
new one, give it to whoever uses the old one, and remove the old one's entry
from the tenants file. The key itself is kept nowhere: who loses it gets another.

Exit codes: 0 made; 2 the configuration, a name or a scope is wrong; 5 the
tenants file or a key file cannot be read or written, or the file exists.")]
pub(crate) struct KeyArgs {
    /// The collector's configuration, which names the tenants file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Whose key it is
    #[arg(long, value_name = "NAME")]
    tenant: TenantName,
    /// What it may be used for: ingest, read, verify or admin; repeatable
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<Scope>,
    /// How long it is valid, such as 90d [default: until it is removed]
    #[arg(long, value_name = "AGE")]
    valid_for: Option<Span>,
    /// What it is for, for whoever reads the tenants file
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Write the key to this new file, which only its owner can read, instead of
    /// printing it
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Makes the key.
pub(crate) fn run(args: &KeyArgs) -> Result<ExitCode, Failure> {
    let files = files(&args.config)?;
    let server = server_key(&files.server_key)?;
    let key = ApiKey::generate(getrandom::fill).map_err(|error| {
        Failure::new(
            Exit::Unreadable,
            format!("no random bytes can be had: {error}"),
        )
    })?;
    let mut entry = KeyEntry::new(
        &key,
        &server,
        args.tenant.clone(),
        args.scopes.iter().copied().collect(),
    );
    entry.note.clone_from(&args.note);
    entry.not_after = args.valid_for.map(end_of).transpose()?;
    // The key first: an entry that nobody has the key of would be of no use.
    let mut text = Zeroizing::new(key.text().expose().to_string());
    text.push('\n');
    if let Some(out) = &args.out {
        save(out, &text).map_err(|error| {
            Failure::new(
                Exit::Policy,
                match error.kind() {
                    io::ErrorKind::AlreadyExists => format!(
                        "{} exists and is left as it is; name a new file",
                        out.display()
                    ),
                    _ => format!("{} cannot be made: {error}", out.display()),
                },
            )
        })?;
    }
    TenantsFile::add(&files.tenants, &entry, &files.server_key)
        .map_err(|error| collect::failure(&error))?;
    let told = format!(
        "added cfk_{} of {} to {}\n",
        key.id(),
        args.tenant,
        files.tenants.display()
    );
    // Nobody is left to tell when standard error is gone as well.
    let _unheard = write!(anstream::stderr(), "{}", Escaped(told.trim_end()));
    let _unheard = writeln!(anstream::stderr());
    if args.out.is_none() {
        result::print(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The key that hashes the keys of tenants, made with the first of them.
fn server_key(path: &Path) -> Result<ServerKey, Failure> {
    let key = match path.try_exists() {
        Ok(false) => ServerKey::create(path, getrandom::fill),
        _ => ServerKey::from_file(path),
    };
    key.map_err(|error| collect::failure(&error))
}

fn end_of(span: Span) -> Result<jiff::Timestamp, Failure> {
    // To the second: nobody wants to read the rest of it.
    let now = jiff::Timestamp::now().as_second();
    i64::try_from(span.0.as_secs())
        .ok()
        .and_then(|span| now.checked_add(span))
        .and_then(|end| jiff::Timestamp::from_second(end).ok())
        .ok_or_else(|| Failure::usage("--valid-for ends after the last year that can be written"))
}

fn save(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
