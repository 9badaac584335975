//! The life of one lease, followed record by record.

use counterfoil_audit::{Outcome, Text};
use counterfoil_core::{ResourceType, Timestamp};

use super::contradiction::{Conflict, Contradiction};
use super::step::{Change, Place, Step};

/// How a lease stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever overlooks one of them misreads a lease"
)]
pub enum State {
    /// Nothing was recorded that changed it.
    #[default]
    Unknown,
    /// It is held.
    Held,
    /// It is over, by this change.
    Ended(Change),
}

impl State {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Held => "held",
            Self::Ended(change) => change.as_str(),
        }
    }
}

/// The life of one lease so far.
#[derive(Debug, Default)]
pub(super) struct Lifeline {
    pub(super) state: State,
    /// Whether a record left open what became of the lease, or contradicted its end.
    pub(super) unsure: Option<Unsure>,
    /// The last change; once the lease is over, the one that ended it.
    pub(super) last: Option<Place>,
    /// More about a lease that is held; given up when it is over, for most leases are.
    pub(super) holding: Option<Box<Holding>>,
}

/// Why it is open how a lease stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsure {
    Outcome,
    Contradicted,
}

/// What is known of a lease that is held.
#[derive(Debug, Default)]
pub(super) struct Holding {
    /// The record that granted it.
    pub(super) since: Option<Place>,
    pub(super) tenant: Option<Text>,
    pub(super) node: Option<Text>,
    pub(super) resource: Option<ResourceType>,
    pub(super) bytes: Option<u64>,
    pub(super) deadline: Option<Timestamp>,
}

impl Lifeline {
    /// Goes on by one record, and adds what in it contradicts those before.
    pub(super) fn take(&mut self, step: &Step, found: &mut Vec<Contradiction>) {
        let Some(change) = step.change else {
            return;
        };
        if !step.takes_effect() {
            if step.outcome == Outcome::Unknown {
                self.unsure = Some(Unsure::Outcome);
                if self.state == State::Unknown && change == Change::Allocated {
                    self.begin(step, Some(step.place));
                }
            }
            return;
        }
        let mut add = |conflict, against| found.push(Contradiction::new(step, conflict, against));
        if let Some(last) = self.last.filter(|last| step.place.time < last.time) {
            add(Conflict::TimeRunsBack, Some(last));
        }
        if let Some(holding) = &self.holding {
            holding.compare(step, |conflict| add(conflict, self.last));
        }
        match (self.state, change) {
            (State::Unknown, Change::Allocated) => self.begin(step, Some(step.place)),
            (State::Held, Change::Allocated) => {
                add(Conflict::AllocatedWhileHeld, self.last);
                self.begin(step, Some(step.place));
            }
            (State::Ended(_), Change::Allocated) => {
                add(Conflict::AllocatedAgain, self.last);
                self.begin(step, Some(step.place));
            }
            (State::Unknown, change) => {
                add(Conflict::NeverAllocated(change), None);
                self.begin(step, None);
                self.go_on(step, change);
            }
            (State::Held, change) => {
                let deadline = self.holding.as_ref().and_then(|holding| holding.deadline);
                if change == Change::Renewed && deadline.is_some_and(|at| at < step.place.time) {
                    add(Conflict::RenewedLate, self.last);
                }
                self.go_on(step, change);
            }
            (State::Ended(end), change) => {
                // What it is over by stands; that it was renewed or ended since stays open.
                add(Conflict::AfterEnd(change, end), self.last);
                self.unsure = Some(Unsure::Contradicted);
                return;
            }
        }
        self.last = Some(step.place);
    }

    fn begin(&mut self, step: &Step, since: Option<Place>) {
        self.state = State::Held;
        self.last = Some(step.place);
        self.unsure = self.unsure.filter(|_| step.outcome == Outcome::Unknown);
        self.holding = Some(Box::new(Holding {
            since,
            tenant: step.tenant.clone(),
            node: step.node.clone(),
            resource: step.resource,
            bytes: step.bytes,
            deadline: step.deadline(),
        }));
    }

    fn go_on(&mut self, step: &Step, change: Change) {
        self.unsure = None;
        if change.ends() {
            self.state = State::Ended(change);
            self.holding = None;
        } else if let Some(holding) = &mut self.holding {
            holding.deadline = step.deadline();
            holding.bytes = step.bytes.or(holding.bytes);
        }
    }
}

impl Holding {
    fn compare(&self, step: &Step, mut add: impl FnMut(Conflict)) {
        if differ(self.tenant.as_ref(), step.tenant.as_ref()) {
            add(Conflict::TenantChanged);
        }
        if differ(self.node.as_ref(), step.node.as_ref()) {
            add(Conflict::NodeChanged);
        }
        if let (Some(before), Some(now)) = (self.resource, step.resource)
            && before != now
        {
            add(Conflict::ResourceChanged);
        }
    }
}

/// Whether two texts are known to differ. Commitments to one value differ each time, so they tell nothing.
fn differ(before: Option<&Text>, now: Option<&Text>) -> bool {
    match (before, now) {
        (Some(Text::Erasable(_)), _) | (_, Some(Text::Erasable(_))) => false,
        (Some(before), Some(now)) => before != now,
        _ => false,
    }
}
