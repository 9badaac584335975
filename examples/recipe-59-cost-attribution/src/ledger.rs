//! From leases to usage.

use std::collections::{BTreeMap, HashMap};

use counterfoil::audit::{AuditEventData, AuditEventKind, AuditRecord};
use counterfoil::{Head, LeaseId, ResourceType, Timestamp};

use crate::{Account, Usage};

/// What a bill is for. Times are those at which things occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "two ends are all that there is to it"
)]
pub struct Period {
    /// Its beginning.
    pub since: Timestamp,
    /// Its end, which is not part of it.
    pub until: Timestamp,
}

impl Period {
    /// All that the log has.
    pub const ALL: Self = Self {
        since: Timestamp::from_unix_nanos(0),
        until: Timestamp::from_unix_nanos(u64::MAX),
    };

    fn contains(&self, time: Timestamp) -> bool {
        self.since <= time && time < self.until
    }

    /// How much of the time from `start` to `end` is in it, in nanoseconds.
    fn overlap(&self, start: Timestamp, end: Timestamp) -> u128 {
        end.min(self.until).since(start.max(self.since)).as_nanos()
    }
}

/// Follows leases from record to record. It keeps one small entry per lease that is held, and one per account.
#[derive(Debug)]
pub struct Ledger {
    period: Period,
    usage: BTreeMap<Account, Usage>,
    held: HashMap<(ResourceType, LeaseId), Held>,
    unmatched: u64,
    superseded: u64,
    unreadable: Vec<u64>,
}

#[derive(Debug)]
struct Held {
    account: Account,
    bytes: u64,
    /// Up to when it has been charged.
    since: Timestamp,
    granted: Timestamp,
}

/// A period's usage by account, and what could not be booked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Bill {
    /// The head that the records were verified up to.
    pub head: Head,
    /// What it is for.
    pub period: Period,
    /// Up to when leases that are still held were charged.
    pub as_of: Timestamp,
    /// Usage by account.
    pub usage: BTreeMap<Account, Usage>,
    /// Leases that ended in the period and whose beginning the log does not have: retention has removed it, or it was lost. They
    /// are not charged.
    pub unmatched: u64,
    /// Leases that were granted again while they were held. The first one is charged up to the second.
    pub superseded: u64,
    /// Records about leases that could not be booked, by number: their data has not the members of its kind.
    pub unreadable: Vec<u64>,
}

enum End {
    Released,
    Expired,
    Preempted,
}

impl Ledger {
    /// An empty ledger for `period`.
    #[must_use]
    pub fn new(period: Period) -> Self {
        Self {
            period,
            usage: BTreeMap::new(),
            held: HashMap::new(),
            unmatched: 0,
            superseded: 0,
            unreadable: Vec::new(),
        }
    }

    /// Books one record. They have to come in the order of the log, from its beginning, also those before the period.
    pub fn take(&mut self, record: &AuditRecord) {
        use AuditEventKind as Kind;
        let kinds = [
            Kind::LeaseAllocated,
            Kind::LeaseRenewed,
            Kind::LeaseReleased,
            Kind::LeaseExpired,
            Kind::LeasePreempted,
        ];
        if !kinds.contains(record.kind()) {
            return;
        }
        let (Ok(data), Some(lease)) = (record.data(), record.keys().lease) else {
            self.unreadable.push(record.seq());
            return;
        };
        match data {
            AuditEventData::LeaseAllocated(it) => self.grant(record, lease, it.resource, it.bytes),
            AuditEventData::LeaseRenewed(it) => self.renew(record, lease, it.resource, it.bytes),
            AuditEventData::LeaseReleased(it) => {
                self.end(record, lease, it.resource, &End::Released);
            }
            AuditEventData::LeaseExpired(it) => self.end(record, lease, it.resource, &End::Expired),
            AuditEventData::LeasePreempted(it) => {
                self.end(record, lease, it.resource, &End::Preempted);
            }
            _ => {}
        }
    }

    /// The bill, with what is still held charged up to `sealed_at`, the time of the last record, or to the end of the period.
    #[must_use]
    pub fn close(mut self, head: Head, sealed_at: Timestamp) -> Bill {
        let as_of = sealed_at.min(self.period.until);
        for held in std::mem::take(&mut self.held).into_values() {
            self.charge(&held, as_of);
            if held.granted < self.period.until {
                self.usage_of(&held.account).held += 1;
            }
        }
        Bill {
            head,
            period: self.period,
            as_of,
            usage: self.usage,
            unmatched: self.unmatched,
            superseded: self.superseded,
            unreadable: self.unreadable,
        }
    }

    fn grant(&mut self, record: &AuditRecord, lease: LeaseId, resource: ResourceType, bytes: u64) {
        let now = record.src().time;
        let account = Account::of(record.who(), resource);
        if self.period.contains(now) {
            let usage = self.usage_of(&account);
            usage.acquired += 1;
            usage.bytes += u128::from(bytes);
        }
        let held = Held {
            account,
            bytes,
            since: now,
            granted: now,
        };
        if let Some(before) = self.held.insert((resource, lease), held) {
            self.charge(&before, now);
            self.superseded += 1;
        }
    }

    fn renew(
        &mut self,
        record: &AuditRecord,
        lease: LeaseId,
        resource: ResourceType,
        bytes: Option<u64>,
    ) {
        let now = record.src().time;
        let Some(mut held) = self.held.remove(&(resource, lease)) else {
            self.unmatched += u64::from(self.period.contains(now));
            return;
        };
        if self.period.contains(now) {
            self.usage_of(&held.account).renewed += 1;
        }
        // A renewal may change the size from then on.
        if let Some(bytes) = bytes.filter(|bytes| *bytes != held.bytes) {
            self.charge(&held, now);
            held.bytes = bytes;
            held.since = now;
        }
        self.held.insert((resource, lease), held);
    }

    /// Whoever was granted the lease pays for it, whoever ended it.
    fn end(&mut self, record: &AuditRecord, lease: LeaseId, resource: ResourceType, how: &End) {
        let now = record.src().time;
        let Some(held) = self.held.remove(&(resource, lease)) else {
            self.unmatched += u64::from(self.period.contains(now));
            return;
        };
        self.charge(&held, now);
        let within = self.period.contains(now);
        let held_at_end = held.granted < self.period.until && now >= self.period.until;
        let usage = self.usage_of(&held.account);
        match how {
            _ if !within => usage.held += u64::from(held_at_end),
            End::Released => usage.released += 1,
            End::Expired => usage.expired += 1,
            End::Preempted => usage.preempted += 1,
        }
    }

    /// A clock that was set back charges nothing rather than something wrong.
    fn charge(&mut self, held: &Held, until: Timestamp) {
        let nanos = self.period.overlap(held.since, until);
        let usage = self.usage_of(&held.account);
        let byte_nanos = u128::from(held.bytes).saturating_mul(nanos);
        usage.byte_nanos = usage.byte_nanos.saturating_add(byte_nanos);
    }

    fn usage_of(&mut self, account: &Account) -> &mut Usage {
        self.usage.entry(account.clone()).or_default()
    }
}
