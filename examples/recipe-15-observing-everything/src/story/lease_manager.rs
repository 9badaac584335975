//! The choke point: every lease begins, goes on and ends here, so this is what is instrumented.

use std::time::Duration;

use counterfoil::{Context, LeaseId, Name, Observer, Receipt, ResourceType, WorkloadIdentity};

use super::Plan;
use crate::Result;

/// How long a record may take to be durable, in real time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Grants regions of one node for a time.
#[derive(Debug)]
pub(crate) struct LeaseManager {
    observer: Observer,
    holder: Context,
    node: Name,
    region_bytes: u64,
    ttl: Duration,
    /// By region: until when it is leased, that moment included.
    until: Vec<Option<Duration>>,
}

impl LeaseManager {
    pub(crate) fn new(observer: Observer, plan: &Plan) -> Self {
        Self {
            observer,
            holder: Context::new(WorkloadIdentity::tenant_only("acme").with_workload("search")),
            node: Name::new("node-a"),
            region_bytes: 64 << 20,
            ttl: plan.ttl,
            until: vec![None; plan.regions],
        }
    }

    /// Grants the region from `now` on; returns the last moment at which it is leased.
    pub(crate) fn acquire(&mut self, region: usize, now: Duration) -> Result<Duration> {
        let until = now + self.ttl;
        self.until[region] = Some(until);
        sealed(&self.observer.lease_acquired(
            &self.holder,
            ResourceType::Mem,
            lease(region),
            &self.node,
            self.region_bytes,
        ))?;
        Ok(until)
    }

    /// Extends the lease from `now` on and returns its new last moment; nothing when it ran out before.
    pub(crate) fn renew(&mut self, region: usize, now: Duration) -> Result<Option<Duration>> {
        if self.until[region].is_none() {
            return Ok(None);
        }
        let until = now + self.ttl;
        self.until[region] = Some(until);
        sealed(&self.observer.lease_renewed(
            &self.holder,
            ResourceType::Mem,
            lease(region),
            &self.node,
            self.ttl,
        ))?;
        Ok(Some(until))
    }

    /// Ends the lease if it has run out by `now`; whether it did.
    pub(crate) fn expire(&mut self, region: usize, now: Duration) -> Result<bool> {
        if self.until[region].is_none_or(|until| now <= until) {
            return Ok(false);
        }
        self.until[region] = None;
        sealed(&self.observer.lease_expired(
            &self.holder,
            ResourceType::Mem,
            lease(region),
            &self.node,
        ))?;
        Ok(true)
    }
}

const fn lease(region: usize) -> LeaseId {
    LeaseId(Plan::lease_of(region))
}

/// A lease changes hands only once the record of it is durable. On a virtual clock this also lets the sealer catch up
/// before time goes on.
fn sealed(receipt: &Receipt<'_>) -> Result<()> {
    Ok(receipt.wait_durable(PATIENCE)?)
}
