//! A log that a test writes step by step.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cookbook_recipe_59_cost_attribution::{Bill, Period, Result, RunTotals, VerifiedLog, bill};
use counterfoil::anchor::FileAnchorStore;
use counterfoil::audit::{AuditLog, AuditLogBuilder};
use counterfoil::metrics::{By, Counter};
use counterfoil::{
    AccountingTag, Context, LeaseId, Name, Observer, ResourceType, Timestamp, WorkloadIdentity,
};
use counterfoil_testkit::FakeClock;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Desk {
    pub(crate) observer: Observer,
    pub(crate) granted: By<ResourceType, Counter>,
    clock: Arc<FakeClock>,
    directory: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(settings: impl FnOnce(AuditLogBuilder) -> AuditLogBuilder) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::open(directory, settings)
    }

    fn open(directory: TempDir, settings: impl FnOnce(AuditLogBuilder) -> AuditLogBuilder) -> Self {
        let clock = Arc::new(FakeClock::new());
        let anchors = FileAnchorStore::open(directory.path().join("anchor.json")).unwrap();
        let log = AuditLog::builder(directory.path().join("audit"), "audit.example.com/leases")
            .clock(Arc::clone(&clock))
            .clock_step(Duration::from_secs(1 << 30))
            .anchor_store(Arc::new(anchors));
        let observer = Observer::builder()
            .clock(Arc::clone(&clock))
            .audit(settings(log).open().unwrap())
            .build()
            .unwrap();
        let granted = observer
            .registry()
            .by(&cookbook_recipe_59_cost_attribution::LEASE_GRANTED);
        Self {
            observer,
            granted,
            clock,
            directory,
        }
    }

    /// The next process on the same log.
    pub(crate) fn restart(self) -> Self {
        assert!(self.observer.close(PATIENCE).unwrap().finished);
        let Self {
            directory,
            observer,
            ..
        } = self;
        drop(observer);
        Self::open(directory, |builder| builder)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.directory.path().join("audit")
    }

    pub(crate) fn anchor(&self) -> PathBuf {
        self.directory.path().join("anchor.json")
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.step(Duration::from_secs(seconds));
    }

    pub(crate) fn grant(&self, who: &Context, lease: u64, bytes: u64) {
        let node = Name::new("node-a");
        self.observer
            .lease_acquired(who, ResourceType::Mem, LeaseId(lease), &node, bytes)
            .wait_durable(PATIENCE)
            .unwrap();
        self.granted.at(ResourceType::Mem).add(bytes);
    }

    pub(crate) fn release(&self, who: &Context, lease: u64) {
        let node = Name::new("node-a");
        self.observer
            .lease_released(who, ResourceType::Mem, LeaseId(lease), &node);
    }

    pub(crate) fn anchor_now(&self) {
        self.observer.audit().unwrap().anchor_now(PATIENCE).unwrap();
    }

    pub(crate) fn verified(&self) -> Result<VerifiedLog> {
        VerifiedLog::open(&self.log(), &self.anchor())
    }

    pub(crate) fn billed(&self, period: Period) -> (Bill, RunTotals) {
        self.anchor_now();
        bill(&self.verified().unwrap(), period).unwrap()
    }
}

pub(crate) fn who(tenant: &str, tag: Option<&str>) -> Context {
    let context = Context::new(WorkloadIdentity::tenant_only(tenant));
    match tag {
        Some(tag) => context.with_tag(AccountingTag::new(tag)),
        None => context,
    }
}

/// This many seconds after the clock of a [`Desk`] began.
pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(1_767_225_600 + seconds)
}
