//! The dashboard of one tenant, of a service that this program runs or of a log that you name.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use cookbook_recipe_60_tenant_audit_dashboard::{Question, Result, View, demo, json, look, page};
use counterfoil::anchor::Anchor;
use counterfoil::signer::{Ed25519Verifier, Keyring};

const USAGE: &str = "give a log directory, a tenant, and the log's key or its anchor.json; or nothing for the demonstration";

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => {
            let directory = tempfile::tempdir()?;
            let running = demo::start(directory.path())?;
            write(&look(&Question::new(
                running.log(),
                running.keys(),
                "acme",
            ))?)
        }
        [log, tenant, anchor] if Path::new(anchor).is_file() => {
            let anchor = Anchor::from_json(&fs::read(anchor)?)?;
            let keys = Keyring::new();
            let mut question = Question::new(Path::new(log), &keys, tenant);
            question.anchor = Some(&anchor);
            write(&look(&question)?)
        }
        [log, tenant, key] => {
            let mut keys = Keyring::new();
            keys.trust(Ed25519Verifier::new(key.parse()?)?)?;
            write(&look(&Question::new(Path::new(log), &keys, tenant))?)
        }
        _ => Err(USAGE.into()),
    }
}

/// Writes both documents into the working directory, and says what is in them.
fn write(view: &View) -> Result<()> {
    fs::write("dashboard.json", json(view))?;
    fs::write("dashboard.html", page(view))?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}\n", view.line())?;
    for row in &view.rows {
        writeln!(out, "{:>6}  {:<18}{}", row.seq, row.kind, row.proof)?;
    }
    writeln!(out, "\nwritten: dashboard.json, dashboard.html")?;
    Ok(())
}
