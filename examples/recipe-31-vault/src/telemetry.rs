//! The three layers of a vault, what they never show, and how they are started.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

use counterfoil::anchor::FileAnchorStore;
use counterfoil::audit::{AuditLog, PseudonymKey};
use counterfoil::init::{Args, Config};
use counterfoil::trace::{SamplingRules, TailSampler};
use counterfoil::{Observer, Redactor};
use zeroize::Zeroizing;

/// The tenant that everybody who uses this vault belongs to.
pub(crate) const TENANT: &str = "vault";

/// Traces with an error are kept, and one in ten of the others.
const SAMPLING: &str = r#"{"sampling_rules": [
    {"name": "errors", "condition": "status == 'error' OR level >= 'error'", "rate": 1.0},
    {"name": "others", "condition": "true", "rate": 0.1}
]}"#;

/// What observes a vault, and the key that its pseudonyms are made with.
#[derive(Debug)]
pub struct Telemetry {
    pub(crate) observer: Observer,
    pub(crate) pseudonyms: PseudonymKey,
    policy: Redactor,
}

impl Telemetry {
    /// Metrics, ring and audit log of a vault that keeps its data in `data`.
    ///
    /// # Errors
    /// When the audit log cannot be opened: another process has it, or it was changed.
    pub fn open(data: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        fs::create_dir_all(data)
            .map_err(|error| format!("cannot make the directory {}: {error}", data.display()))?;
        let secret = pseudonym_secret(&data.join("pseudonym.key"))?;
        let pseudonyms = PseudonymKey::from_bytes(&secret);
        // What is told about an object names it by `hash`, and about a person by `principal`: the one is never shown, the other is
        // shown as a pseudonym, in every layer.
        let policy = Redactor::builder()
            .deny("hash")?
            .pseudonyms(pseudonyms.of_tenant(TENANT))
            .build();
        // In earnest the anchor is kept where this host cannot change it: see the guide on anchor stores.
        let anchors = FileAnchorStore::load_or_unanchored(data.join("anchor.json"))?;
        let log = AuditLog::builder(data.join("audit"), "audit.example.com/vault")
            .anchor_store(Arc::new(anchors))
            .redactor(Arc::new(policy.clone()))
            .open()?;
        let observer = Observer::builder()
            .redact(policy.clone())
            .audit(log)
            .build()?;
        Ok(Self {
            observer,
            pseudonyms,
            policy,
        })
    }

    /// What `init` is told: the name of the service, what it never shows, which traces it keeps, and what environment and arguments
    /// say.
    ///
    /// # Errors
    /// When a variable of the environment is wrong; the message names it.
    pub fn config(&self, args: &Args) -> Result<Config, counterfoil::Error> {
        let sampler = TailSampler::new(SamplingRules::from_json(SAMPLING)?);
        Ok(Config::new("vault", env!("CARGO_PKG_VERSION"))
            .observer(self.observer.clone())
            .redact(self.policy.clone())
            .tail_sampler(sampler)
            .metrics_port(9431)
            .drain_on_signals(true)
            // The listener is on loopback: whoever is on this host may follow a request through the ring.
            .events_page(true)
            .env()?
            .args(args))
    }

    /// The observer.
    #[must_use]
    pub const fn observer(&self) -> &Observer {
        &self.observer
    }
}

/// The secret that pseudonyms are made with, kept so that a principal has the same one after a restart.
fn pseudonym_secret(path: &Path) -> Result<Zeroizing<[u8; 32]>, Box<dyn std::error::Error>> {
    let mut secret = Zeroizing::new([0; 32]);
    match fs::read(path).map(Zeroizing::new) {
        Ok(bytes) if bytes.len() == secret.len() => {
            secret.copy_from_slice(&bytes);
            return Ok(secret);
        }
        Ok(_) => {
            let next = "restore it, or remove it and all pseudonyms change";
            return Err(format!("{} does not hold 32 bytes; {next}", path.display()).into());
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(format!("cannot read {}: {error}", path.display()).into()),
    }
    getrandom::fill(&mut *secret)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options
        .open(path)
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    file.write_all(&*secret)?;
    file.sync_all()?;
    Ok(secret)
}
