//! What does not go together in the life of a lease.

use counterfoil_core::{LeaseId, Timestamp};

use super::step::{Change, Place, Step};

/// How a record contradicts what came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Conflict {
    /// A lease that is held was granted.
    AllocatedWhileHeld,
    /// A lease that was over was granted again under the same id.
    AllocatedAgain,
    /// A lease that nobody granted was renewed or came to an end.
    NeverAllocated(Change),
    /// A lease that was over, for the reason named second, was renewed or came to an end once more.
    AfterEnd(Change, Change),
    /// It was renewed after the time that was granted had run out.
    RenewedLate,
    /// It belongs to another tenant than before.
    TenantChanged,
    /// It is on another node than before.
    NodeChanged,
    /// It is a lease of something else than before.
    ResourceChanged,
    /// A later record says that it occurred earlier.
    TimeRunsBack,
}

impl Conflict {
    /// A stable word for it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AllocatedWhileHeld => "allocated_while_held",
            Self::AllocatedAgain => "allocated_again",
            Self::NeverAllocated(_) => "never_allocated",
            Self::AfterEnd(..) => "after_end",
            Self::RenewedLate => "renewed_late",
            Self::TenantChanged => "tenant_changed",
            Self::NodeChanged => "node_changed",
            Self::ResourceChanged => "resource_changed",
            Self::TimeRunsBack => "time_runs_back",
        }
    }

    /// It in a few words, to be followed by the record that it contradicts.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::AllocatedWhileHeld => "allocated while it was held".to_owned(),
            Self::AllocatedAgain => "allocated again after it was over".to_owned(),
            Self::NeverAllocated(change) => {
                format!("{} and never allocated", change.as_str())
            }
            Self::AfterEnd(change, end) if change == end => {
                format!("{} a second time", change.as_str())
            }
            Self::AfterEnd(change, end) => {
                format!("{} after it was {}", change.as_str(), end.as_str())
            }
            Self::RenewedLate => "renewed after the time granted had run out".to_owned(),
            Self::TenantChanged => "another tenant's than before".to_owned(),
            Self::NodeChanged => "on another node than before".to_owned(),
            Self::ResourceChanged => "a lease of something else than before".to_owned(),
            Self::TimeRunsBack => "occurred before a record that was sealed earlier".to_owned(),
        }
    }
}

/// A record that contradicts what came before it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contradiction {
    /// The lease.
    pub lease: LeaseId,
    /// How.
    pub conflict: Conflict,
    /// The record that contradicts.
    pub place: Place,
    /// The record that it contradicts; `None` where it is one that is not there.
    pub against: Option<Place>,
    /// Whether records that are missing, or a clock that was set back, could explain it.
    pub may_be_explained: bool,
}

impl Contradiction {
    pub(super) fn new(step: &Step, conflict: Conflict, against: Option<Place>) -> Self {
        Self {
            lease: step.lease,
            conflict,
            place: step.place,
            against,
            may_be_explained: false,
        }
    }

    /// From when to when something would have to be missing to explain it.
    pub(super) fn span(&self) -> (Option<Timestamp>, Timestamp) {
        (self.against.map(|place| place.time), self.place.time)
    }
}
