//! Who pays, and for how much.

use counterfoil::ResourceType;
use counterfoil::audit::{Text, Who};

/// What a line of a bill is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(
    clippy::exhaustive_structs,
    reason = "the key of a bill, taken apart by reports"
)]
pub struct Account {
    /// The tenant; `None` where a record names none.
    pub tenant: Option<String>,
    /// The accounting tag; `None` where a record has none.
    pub tag: Option<String>,
    /// What was leased.
    pub resource: ResourceType,
}

impl Account {
    /// The account that a record of `who` is booked on.
    #[must_use]
    pub fn of(who: &Who, resource: ResourceType) -> Self {
        Self {
            tenant: who.tenant.as_ref().map(plain),
            tag: who.tag.as_ref().map(plain),
            resource,
        }
    }

    /// The project, by our convention: what stands before the first slash of the tag.
    #[must_use]
    pub fn project(&self) -> Option<&str> {
        let tag = self.tag.as_deref()?;
        Some(tag.split_once('/').map_or(tag, |(project, _)| project))
    }
}

/// A text that is not there in the clear is still one account: its digest tells it from others.
fn plain(text: &Text) -> String {
    match text {
        Text::Plain(text) => text.clone(),
        Text::Truncated(of) => format!("$truncated:{}", of.sha256),
        Text::Erasable(commitment) => format!("$erasable:{commitment}"),
        // No record that was read holds one.
        Text::Forgettable(_) => "$erasable".to_owned(),
    }
}

/// How much of something was leased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Leases that were granted in the period.
    pub acquired: u64,
    /// Renewals in the period.
    pub renewed: u64,
    /// Leases that were given back in the period.
    pub released: u64,
    /// Leases that ran out in the period.
    pub expired: u64,
    /// Leases that were taken away in the period.
    pub preempted: u64,
    /// Leases that were held when the period ended.
    pub held: u64,
    /// Bytes of the leases that were granted in the period.
    pub bytes: u128,
    /// Size times time held within the period, in bytes × nanoseconds. Saturates.
    pub byte_nanos: u128,
}

impl Usage {
    /// Adds what another account used.
    pub fn add(&mut self, other: &Self) {
        self.acquired += other.acquired;
        self.renewed += other.renewed;
        self.released += other.released;
        self.expired += other.expired;
        self.preempted += other.preempted;
        self.held += other.held;
        self.bytes += other.bytes;
        self.byte_nanos = self.byte_nanos.saturating_add(other.byte_nanos);
    }

    /// Byte-seconds, exactly: nine digits behind the point.
    #[must_use]
    pub fn byte_seconds(&self) -> String {
        const NANOS: u128 = 1_000_000_000;
        format!("{}.{:09}", self.byte_nanos / NANOS, self.byte_nanos % NANOS)
    }

    /// The same in GiB-hours, for people.
    #[must_use]
    pub fn gib_hours(&self) -> f64 {
        self.byte_nanos as f64 / (3_600e9 * f64::from(1 << 30))
    }
}
