//! A day of three tenants, on a clock that passes when the simulation says so.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use counterfoil::anchor::FileAnchorStore;
use counterfoil::audit::AuditLog;
use counterfoil::metrics::{By, Counter};
use counterfoil::{
    AccountingTag, Context, LeaseId, MetricSnapshot, Name, Observer, ResourceType, WorkloadIdentity,
};

use crate::Result;
use crate::clock::VirtualClock;

counterfoil::instruments! {
    /// What this service measures besides what Counterfoil does.
    pub TABLE: prefix "desk.", labels ["resource_type"];

    /// Bytes of the leases that were granted.
    LEASE_GRANTED: Counter("desk.lease.granted", "By", ["resource_type"]);
}

const CHAIN: &str = "cookbook.example.com/recipe-59";
const GIB: u64 = 1 << 30;
const HOUR: Duration = Duration::from_secs(3_600);
const PATIENCE: Duration = Duration::from_secs(30);

/// What a simulated day leaves behind.
#[derive(Debug)]
#[non_exhaustive]
pub struct Day {
    /// The directory of its audit log.
    pub log: PathBuf,
    /// The file with the head of it that was anchored at eleven in the evening.
    pub anchor: PathBuf,
    /// The metrics of the service at midnight.
    pub metrics: MetricSnapshot,
}

/// Runs the day with its log and anchor in `directory`. The last hour is not anchored, as in a service that was killed.
///
/// # Errors
/// When the directory cannot be used, or a record does not become durable.
pub fn simulate(directory: &Path) -> Result<Day> {
    std::fs::create_dir_all(directory)?;
    let (log, anchor) = (directory.join("audit"), directory.join("anchor.json"));
    let clock = Arc::new(VirtualClock::default());
    let observer = observer(&log, &anchor, &clock)?;
    let desk = Desk::new(observer);

    let batch = booked("acme", "search/batch");
    let serving = booked("acme", "search/serving");
    let training = booked("globex", "vision/training");
    // Nobody has told this tenant about tags.
    let untagged = Context::new(WorkloadIdentity::tenant_only("initech"));

    desk.grant(&serving, ResourceType::Mem, 1, 16 * GIB);
    desk.grant(&training, ResourceType::Gpu, 2, 80 * GIB);
    for hour in 1..24 {
        clock.step(HOUR);
        if hour == 23 {
            let log = desk.observer.audit().ok_or("the observer has a log")?;
            log.anchor_now(PATIENCE)?;
        }
        desk.renew(&serving, ResourceType::Mem, 1);
        // A batch job every four hours, for one hour.
        match hour % 4 {
            0 => desk.grant(&batch, ResourceType::Mem, 100 + hour, 64 * GIB),
            1 if hour > 1 => desk.release(&batch, ResourceType::Mem, 99 + hour),
            _ => {}
        }
        match hour {
            6 => desk.expire(&training, ResourceType::Gpu, 2),
            9 => desk.grant(&untagged, ResourceType::Storage, 3, 500 * GIB),
            23 => desk.grant(&batch, ResourceType::Mem, 4, 64 * GIB),
            _ => {}
        }
    }
    let durable =
        desk.observer
            .lease_renewed(&serving, ResourceType::Mem, LeaseId(1), &desk.node, HOUR);
    durable.wait_durable(PATIENCE)?;
    let metrics = desk.observer.snapshot();
    kill(&anchor, desk)?;
    Ok(Day {
        log,
        anchor,
        metrics,
    })
}

/// A service that is killed does not anchor what it closed with. Ours lives on in this process, so the anchor is put back.
fn kill(anchor: &Path, desk: Desk) -> Result<()> {
    let at_eleven = std::fs::read(anchor)?;
    drop(desk);
    std::fs::write(anchor, at_eleven)?;
    Ok(())
}

fn observer(log: &Path, anchor: &Path, clock: &Arc<VirtualClock>) -> Result<Observer> {
    let log = AuditLog::builder(log, CHAIN)
        .clock(Arc::clone(clock))
        // Hours pass between two readings of this clock, and nobody has set it.
        .clock_step(24 * HOUR)
        .anchor_store(Arc::new(FileAnchorStore::open(anchor)?))
        .open()?;
    Ok(Observer::builder()
        .clock(Arc::clone(clock))
        .audit(log)
        .build()?)
}

fn booked(tenant: &str, tag: &str) -> Context {
    Context::new(WorkloadIdentity::tenant_only(tenant)).with_tag(AccountingTag::new(tag))
}

/// Where leases are granted. The size of each goes into a metric of its own beside the built-in ones, so that bytes can be
/// reconciled, not only leases.
struct Desk {
    observer: Observer,
    granted: By<ResourceType, Counter>,
    node: Name,
}

impl Desk {
    fn new(observer: Observer) -> Self {
        Self {
            granted: observer.registry().by(&LEASE_GRANTED),
            node: Name::new("node-a"),
            observer,
        }
    }

    fn grant(&self, who: &Context, resource: ResourceType, lease: u64, bytes: u64) {
        self.observer
            .lease_acquired(who, resource, LeaseId(lease), &self.node, bytes);
        self.granted.at(resource).add(bytes);
    }

    fn renew(&self, who: &Context, resource: ResourceType, lease: u64) {
        self.observer
            .lease_renewed(who, resource, LeaseId(lease), &self.node, HOUR);
    }

    fn release(&self, who: &Context, resource: ResourceType, lease: u64) {
        self.observer
            .lease_released(who, resource, LeaseId(lease), &self.node);
    }

    fn expire(&self, who: &Context, resource: ResourceType, lease: u64) {
        self.observer
            .lease_expired(who, resource, LeaseId(lease), &self.node);
    }
}
