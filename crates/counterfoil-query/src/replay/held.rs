//! The leases that were held at a moment.

use std::collections::HashMap;
use std::path::Path;

use counterfoil_audit::Text;
use counterfoil_audit::verify::VerifyOptions;
use counterfoil_core::{LeaseId, ResourceType, Timestamp};

use super::MAX_LISTED;
use super::contradiction::Contradiction;
use super::ground::{Ground, Standing, read};
use super::lifeline::{Lifeline, State, Unsure};
use super::step::{Change, Place, Step};
use super::uncertainty::{Uncertainties, Uncertainty};
use crate::Error;

/// The leases that were held at a moment, from sealed records alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// What it stands on.
    pub ground: Ground,
    /// The moment. What occurred at it has happened.
    pub at: Timestamp,
    /// The last record, by number, that occurred at the moment or before.
    pub as_of: Option<u64>,
    /// How far the set as a whole is vouched for: that there are no others, and that none of these was over.
    pub standing: Standing,
    /// The leases that were held, and those that may have been ([`HeldLease::is_certain`]), in the order of their ids.
    pub leases: Vec<HeldLease>,
    /// What contradicts itself in records up to the moment, of any lease; at most [`MAX_LISTED`].
    pub contradictions: Vec<Contradiction>,
    /// Contradictions that are not listed.
    pub contradictions_left_out: u64,
    /// When up to the moment something may have happened that no record tells of: a lease may have been granted then, or given
    /// back.
    pub uncertainties: Vec<Uncertainty>,
}

/// A lease that was held at the moment, or may have been.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldLease {
    /// The lease.
    pub lease: LeaseId,
    /// Since when: the record that granted it. `None` when there is none.
    pub since: Option<Place>,
    /// Its last change up to the moment.
    pub last: Option<Place>,
    /// Its next change, which shows that it was still held.
    pub next: Option<(Change, Place)>,
    /// Whose it was.
    pub tenant: Option<Text>,
    /// Where the resource is.
    pub node: Option<Text>,
    /// What was leased.
    pub resource: Option<ResourceType>,
    /// How much of it, in bytes.
    pub bytes: Option<u64>,
    /// When the time ran out that was granted, where the records say.
    pub deadline: Option<Timestamp>,
    /// Why it may not have been held after all; empty when it certainly was, by what was recorded.
    pub doubts: Vec<Why>,
    /// How far what was recorded about it up to the moment is vouched for.
    pub standing: Standing,
}

impl HeldLease {
    /// Whether the records leave no doubt that it was held.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.doubts.is_empty()
    }

    /// Whether the time that was granted had run out at `moment`, and no record says what came of it.
    #[must_use]
    pub fn is_overdue(&self, moment: Timestamp) -> bool {
        self.deadline.is_some_and(|deadline| deadline < moment)
    }
}

/// Why a lease may not have been held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// Its end may be among what is missing between its last change and the moment.
    EndMayBeMissing,
    /// No record grants it, so it is open whether it was granted before the moment.
    NeverAllocated,
    /// A record says that nobody knows how its change ended.
    OutcomeUnknown,
    /// Its records contradict each other.
    Contradicted,
}

impl Why {
    /// A stable word for it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::EndMayBeMissing => "end_may_be_missing",
            Self::NeverAllocated => "never_allocated",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Contradicted => "contradicted",
        }
    }

    /// It in a few words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::EndMayBeMissing => "its end may be among what is missing",
            Self::NeverAllocated => "no record grants it",
            Self::OutcomeUnknown => "nobody knows how its change ended",
            Self::Contradicted => "its records contradict each other",
        }
    }
}

/// A lease as it stands at the moment, and what came next.
#[derive(Debug, Default)]
struct Seen {
    line: Lifeline,
    next: Option<Box<Step>>,
}

/// Finds the leases that were held at `at` in the log directory or file at `path`. Takes memory for each lease that the log
/// names, about a hundred bytes, and more for those that are held.
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) when the log cannot be read.
pub fn held(path: &Path, at: Timestamp, options: &VerifyOptions<'_>) -> Result<Held, Error> {
    let mut leases: HashMap<LeaseId, Seen> = HashMap::new();
    let mut contradictions = Vec::new();
    let mut contradictions_left_out = 0;
    let mut as_of = None;
    let (ground, uncertain) = read(path, options, |record| {
        let is_past = record.src().time <= at;
        if is_past {
            as_of = Some(record.seq());
        }
        let Some(step) = lease_change(record) else {
            return;
        };
        let seen = leases.entry(step.lease).or_default();
        if is_past {
            seen.line.take(&step, &mut contradictions);
            contradictions_left_out += contradictions.len().saturating_sub(MAX_LISTED) as u64;
            contradictions.truncate(MAX_LISTED);
        } else if seen.next.is_none() && matches!(seen.line.state, State::Held | State::Unknown) {
            seen.next = Some(Box::new(step));
        }
    })?;
    for found in &mut contradictions {
        let (from, to) = found.span();
        found.may_be_explained = uncertain.touch(from, Some(to));
    }
    let standing = as_of.map_or(Standing::NotVerified, |seq| ground.standing(seq));
    let mut leases: Vec<HeldLease> = leases
        .into_iter()
        .filter_map(|(lease, seen)| seen.at(lease, at, &uncertain, &ground))
        .map(|lease| HeldLease {
            standing: lease.standing.min(standing),
            ..lease
        })
        .collect();
    leases.sort_unstable_by_key(|lease| lease.lease);
    Ok(Held {
        ground,
        at,
        as_of,
        standing,
        leases,
        contradictions,
        contradictions_left_out,
        uncertainties: uncertain
            .found
            .into_iter()
            .filter(|found| found.touches(None, Some(at)))
            .collect(),
    })
}

fn lease_change(record: &counterfoil_audit::AuditRecord) -> Option<Step> {
    Change::of(record.kind())?;
    Step::of(record)
}

impl Seen {
    /// The lease at the moment, if it was held or may have been.
    fn at(
        self,
        lease: LeaseId,
        at: Timestamp,
        uncertain: &Uncertainties,
        ground: &Ground,
    ) -> Option<HeldLease> {
        let mut doubts = Vec::new();
        let next = self.next.filter(|step| step.takes_effect());
        // Whoever renews or ends a lease shows that it was held until then.
        let shown = next
            .as_ref()
            .and_then(|step| Some((step.change?, step.place)))
            .filter(|(change, _)| *change != Change::Allocated);
        match (self.line.state, self.line.unsure) {
            (State::Unknown, _) => {
                shown?;
                doubts.push(Why::NeverAllocated);
            }
            (State::Ended(_), None) => return None,
            (_, Some(Unsure::Contradicted)) => doubts.push(Why::Contradicted),
            (_, Some(Unsure::Outcome)) if shown.is_none() => doubts.push(Why::OutcomeUnknown),
            _ => {}
        }
        let last = self.line.last;
        let may_be_over = shown.is_none()
            && self.line.state == State::Held
            && uncertain.touch(last.map(|place| place.time), Some(at));
        if may_be_over {
            doubts.push(Why::EndMayBeMissing);
        }
        let holding = self.line.holding.map(|held| *held).unwrap_or_default();
        let (next_tenant, next_node, next_resource) = next
            .filter(|_| shown.is_some())
            .map_or((None, None, None), |step| {
                (step.tenant, step.node, step.resource)
            });
        Some(HeldLease {
            lease,
            since: holding.since,
            last,
            next: shown,
            tenant: holding.tenant.or(next_tenant),
            node: holding.node.or(next_node),
            resource: holding.resource.or(next_resource),
            bytes: holding.bytes,
            deadline: holding.deadline,
            doubts,
            standing: last.map_or(Standing::Anchored, |last| ground.standing(last.seq)),
        })
    }
}
