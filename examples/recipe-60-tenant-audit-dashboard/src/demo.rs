//! A service with two tenants, whose log is signed, for the recipe to look at.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use counterfoil::anchor::FileAnchorStore;
use counterfoil::audit::AuditLog;
use counterfoil::signer::{Ed25519Signer, Keyring, Signer};
use counterfoil::{
    AccountingTag, Context, LeaseId, Name, Observer, ResourceType, WorkloadIdentity,
};

use crate::Result;
use crate::view::trust;

const CHAIN: &str = "cookbook.example.com/recipe-60";
const PATIENCE: Duration = Duration::from_secs(30);

/// The service, still running: its log is looked at while it is written.
#[derive(Debug)]
pub struct Running {
    observer: Observer,
    log: PathBuf,
    key: String,
    keys: Keyring,
}

impl Running {
    /// The log directory.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The key of the log, for its tenants.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The same, trusted.
    #[must_use]
    pub const fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// Seals a lease of a tenant.
    ///
    /// # Errors
    /// When it does not become durable.
    pub fn grant(&self, who: &Context, node: &str, lease: u64) -> Result<()> {
        let (id, node) = (LeaseId(lease), Name::new(node));
        let receipt = self
            .observer
            .lease_acquired(who, ResourceType::Mem, id, &node, 4096);
        Ok(receipt.wait_durable(PATIENCE)?)
    }

    /// Signs and anchors everything so far.
    ///
    /// # Errors
    /// When the anchor cannot be written.
    pub fn anchor(&self) -> Result<()> {
        self.observer
            .audit()
            .ok_or("it has a log")?
            .anchor_now(PATIENCE)?;
        Ok(())
    }
}

/// Starts the service in `directory`. Both tenants have records that are anchored, and one each that is not yet.
///
/// # Errors
/// When the directory cannot be used.
pub fn start(directory: &Path) -> Result<Running> {
    let running = empty(directory)?;
    let [acme, globex] = [
        booked("acme", "search/batch"),
        booked("globex", "vision/training"),
    ];
    running.grant(&acme, "node-a", 7)?;
    running.grant(&globex, "node-b", 8)?;
    let observer = &running.observer;
    observer.lease_expired(&acme, ResourceType::Mem, LeaseId(7), &Name::new("node-a"));
    running.anchor()?;
    running.grant(&globex, "node-b", 9)?;
    running.grant(&acme, "<b>node-c</b>", 10)?;
    Ok(running)
}

/// The service before its first tenant.
///
/// # Errors
/// When the directory cannot be used.
pub fn empty(directory: &Path) -> Result<Running> {
    let log = directory.join("audit");
    let signer = Arc::new(Ed25519Signer::generate(
        &format!("{CHAIN}/1"),
        getrandom::fill,
    )?);
    let key = signer.verifier_key().ok_or("it has a key")?.to_string();
    let mut keys = Keyring::new();
    trust(&mut keys, &key)?;
    let opened = AuditLog::builder(&log, CHAIN)
        .signer(move |_| Ok(Arc::clone(&signer) as Arc<dyn Signer>))
        .anchor_store(Arc::new(FileAnchorStore::open(
            directory.join("anchor.json"),
        )?))
        .anchor_interval(Duration::from_secs(3_600))
        .open()?;
    Ok(Running {
        observer: Observer::builder().audit(opened).build()?,
        log,
        key,
        keys,
    })
}

/// A tenant's context with a tag.
#[must_use]
pub fn booked(tenant: &str, tag: &str) -> Context {
    Context::new(WorkloadIdentity::tenant_only(tenant)).with_tag(AccountingTag::new(tag))
}
