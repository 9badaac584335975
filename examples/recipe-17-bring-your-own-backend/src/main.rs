//! A service whose heads and messages go to backends of its own, and what a second writer runs into.

use std::error::Error;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cookbook_recipe_17_bring_your_own_backend::stand_in::SyslogDaemon;
use cookbook_recipe_17_bring_your_own_backend::{Backends, Result, backends};
use counterfoil::audit::AuditLog;
use counterfoil::init::{Config, Report};
use counterfoil::{Context, LeaseId, Name, Observer, ResourceType, WorkloadIdentity};

const CHAIN: &str = "audit.example.com/leases";
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let journal = directory.path().join("anchors.jsonl");
    let anchors = format!("journal:{}", journal.display());
    // Name the exporter yourself to see it in your own daemon: `-- syslog+unix:/dev/log`.
    let (stand_in, exporter) = match std::env::args().nth(1) {
        Some(exporter) => (None, exporter),
        None => {
            let daemon = SyslogDaemon::start()?;
            let exporter = format!("syslog+tcp://{}", daemon.address());
            (Some(daemon), exporter)
        }
    };

    let report = serve(directory.path(), backends(&anchors, &exporter)?)?;
    let mut out = io::stdout().lock();
    let messages = stand_in.map(|daemon| daemon.messages()).unwrap_or_default();
    for message in &messages {
        // The record itself, byte for byte, is the rest of the message.
        if let Some((header, _)) = message.split_once(" {\"body\"") {
            writeln!(out, "syslog   {header} …")?;
        }
    }
    for line in std::fs::read_to_string(&journal)?.lines() {
        writeln!(out, "journal  {line}")?;
    }
    writeln!(out, "stopped  {report}")?;

    // Somebody put back the log of an hour ago, or started a second writer on an empty directory.
    let again = serve(
        &directory.path().join("elsewhere"),
        backends(&anchors, "memory")?,
    );
    match again {
        Ok(_) => Err("two writers on one log were not noticed".into()),
        Err(error) => {
            writeln!(out, "refused  {}", chain(&*error))?;
            Ok(())
        }
    }
}

/// A service that grants a lease, loses one, and stops.
fn serve(directory: &Path, backends: Backends) -> Result<Report> {
    std::fs::create_dir_all(directory)?;
    let log = AuditLog::builder(directory.join("audit"), CHAIN)
        .anchor_store(Arc::clone(&backends.anchors))
        .anchor_interval(Duration::from_secs(3600))
        .open()?;
    let observer = Observer::builder().audit(log).build()?;
    let guard = counterfoil::init(
        Config::new("recipe-17", env!("CARGO_PKG_VERSION"))
            .observer(observer.clone())
            .without_listener()
            .exporter("mine", backends.exporter)
            .export_sealed(0),
    )?;

    let acme = Context::new(WorkloadIdentity::tenant_only("acme"));
    let node = Name::new("node-a");
    observer
        .lease_acquired(&acme, ResourceType::Mem, LeaseId(7), &node, 4096)
        .wait_durable(PATIENCE)?;
    // The interval is for what nobody waits for.
    observer
        .audit()
        .ok_or("it has a log")?
        .anchor_now(PATIENCE)?;
    observer.lease_expired(&acme, ResourceType::Mem, LeaseId(7), &node);
    Ok(guard.shutdown(PATIENCE))
}

/// An error and what caused it, in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
