//! One record of a lease's history.

use counterfoil_audit::{AuditEventData, AuditEventKind, AuditRecord, Outcome, Text};
use counterfoil_core::{LeaseId, ResourceType, Timestamp};

/// What a record of a lease's life does to the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the set is fixed by version 1 of the format"
)]
pub enum Change {
    /// It was granted.
    Allocated,
    /// It was extended.
    Renewed,
    /// Its holder gave it back.
    Released,
    /// It ran out.
    Expired,
    /// It was taken from its holder.
    Preempted,
}

impl Change {
    /// What records of `kind` do to their lease; `None` where they leave it as it is.
    #[must_use]
    pub const fn of(kind: &AuditEventKind) -> Option<Self> {
        match kind {
            AuditEventKind::LeaseAllocated => Some(Self::Allocated),
            AuditEventKind::LeaseRenewed => Some(Self::Renewed),
            AuditEventKind::LeaseReleased => Some(Self::Released),
            AuditEventKind::LeaseExpired => Some(Self::Expired),
            AuditEventKind::LeasePreempted => Some(Self::Preempted),
            _ => None,
        }
    }

    /// Whether the lease is over with it.
    #[must_use]
    pub const fn ends(self) -> bool {
        matches!(self, Self::Released | Self::Expired | Self::Preempted)
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allocated => "allocated",
            Self::Renewed => "renewed",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Preempted => "preempted",
        }
    }
}

/// Where in the log something stands, and when it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a number and a time are all that there is to it"
)]
pub struct Place {
    /// The record.
    pub seq: u64,
    /// When it occurred, by the clock of its producer.
    pub time: Timestamp,
}

/// What one record says about a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// The record.
    pub place: Place,
    /// When it was sealed.
    pub sealed: Timestamp,
    /// What it is about.
    pub kind: AuditEventKind,
    /// What it does to the lease.
    pub change: Option<Change>,
    /// How it ended.
    pub outcome: Outcome,
    /// The lease.
    pub lease: LeaseId,
    /// Where the resource is.
    pub node: Option<Text>,
    /// On whose behalf.
    pub tenant: Option<Text>,
    /// What is leased.
    pub resource: Option<ResourceType>,
    /// How much of it, in bytes.
    pub bytes: Option<u64>,
    /// For how long from then on, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// The lease that took its place.
    pub by_lease: Option<LeaseId>,
    /// Why, where the record says.
    pub reason: Option<Text>,
}

impl Step {
    /// What `record` says about a lease; `None` when it names none.
    #[must_use]
    pub fn of(record: &AuditRecord) -> Option<Self> {
        let mut step = Self {
            place: Place {
                seq: record.seq(),
                time: record.src().time,
            },
            sealed: record.time(),
            kind: record.kind().clone(),
            change: Change::of(record.kind()),
            outcome: record.outcome(),
            lease: record.keys().lease?,
            node: record.keys().node.clone(),
            tenant: record.who().tenant.clone(),
            resource: None,
            bytes: None,
            ttl_ms: None,
            by_lease: None,
            reason: None,
        };
        // Data that is not as its schema has it says nothing here; the header alone tells what happened to the lease.
        if let Ok(data) = record.data() {
            step.read(data);
        }
        Some(step)
    }

    fn read(&mut self, data: AuditEventData) {
        match data {
            AuditEventData::LeaseAllocated(data) => {
                (self.resource, self.bytes) = (Some(data.resource), Some(data.bytes));
                self.ttl_ms = data.ttl_ms;
            }
            AuditEventData::LeaseRenewed(data) => {
                (self.resource, self.bytes) = (Some(data.resource), data.bytes);
                self.ttl_ms = data.ttl_ms;
            }
            AuditEventData::LeaseReleased(data) => {
                (self.resource, self.bytes) = (Some(data.resource), data.bytes);
            }
            AuditEventData::LeaseExpired(data) => {
                (self.resource, self.bytes) = (Some(data.resource), data.bytes);
            }
            AuditEventData::LeasePreempted(data) => {
                (self.resource, self.bytes) = (Some(data.resource), data.bytes);
                self.by_lease = data.by_lease.map(LeaseId);
                self.reason = Some(data.reason);
            }
            _ => {}
        }
    }

    /// Whether the lease is changed by it. A lease that expires or is preempted is over although nothing succeeded; any other
    /// change that failed is none.
    pub(super) fn takes_effect(&self) -> bool {
        self.change.is_some_and(|change| {
            matches!(change, Change::Expired | Change::Preempted)
                || self.outcome == Outcome::Success
        })
    }

    /// When the lease runs out if nothing renews it.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let nanos = self.ttl_ms?.saturating_mul(1_000_000);
        Some(Timestamp::from_unix_nanos(
            self.place.time.unix_nanos().saturating_add(nanos),
        ))
    }
}
