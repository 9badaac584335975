//! The history of one lease.

use std::path::Path;

use counterfoil_audit::verify::VerifyOptions;
use counterfoil_core::{LeaseId, Timestamp};

use super::MAX_LISTED;
use super::contradiction::Contradiction;
use super::ground::{Ground, Standing, read};
use super::lifeline::{Lifeline, State};
use super::step::{Place, Step};
use super::uncertainty::Uncertainty;
use crate::Error;

/// Most steps that a history lists; the others are counted.
pub const MAX_STEPS: usize = 100_000;

/// The history of one lease, from sealed records alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct History {
    /// What it stands on.
    pub ground: Ground,
    /// The lease.
    pub lease: LeaseId,
    /// What was recorded about it, in the order of the log.
    pub steps: Vec<HistoryStep>,
    /// Steps that are not listed, for there are more than [`MAX_STEPS`].
    pub steps_left_out: u64,
    /// How it stands at the end of the log.
    pub state: State,
    /// How far that is vouched for: an end by its record, anything else by the end of the log, for a later record could change it.
    pub standing: Standing,
    /// What in the history contradicts itself; at most [`MAX_LISTED`].
    pub contradictions: Vec<Contradiction>,
    /// Contradictions that are not listed.
    pub contradictions_left_out: u64,
    /// When within the life of the lease something may have happened that no record tells of.
    pub uncertainties: Vec<Uncertainty>,
}

/// One record of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryStep {
    /// What the record says.
    pub step: Step,
    /// How the lease stands after it.
    pub state: State,
    /// How far the record is vouched for.
    pub standing: Standing,
}

/// Rebuilds the history of `lease` from the log directory or file at `path`. A log that does not verify is read as far as it can
/// be; its report says what is wrong, and nothing in the answer is more than "not verified".
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) when the log cannot be read.
pub fn history(path: &Path, lease: LeaseId, options: &VerifyOptions<'_>) -> Result<History, Error> {
    let mut line = Lifeline::default();
    let mut steps = Vec::new();
    let mut steps_left_out = 0;
    let mut contradictions = Vec::new();
    let mut contradictions_left_out = 0;
    let mut first: Option<Place> = None;
    let (ground, uncertain) = read(path, options, |record| {
        // Most records are about something else, and this is all that is looked at in them.
        if record.keys().lease != Some(lease) {
            return;
        }
        let Some(step) = Step::of(record) else {
            return;
        };
        line.take(&step, &mut contradictions);
        contradictions_left_out += contradictions.len().saturating_sub(MAX_LISTED) as u64;
        contradictions.truncate(MAX_LISTED);
        if step.change.is_some() {
            first.get_or_insert(step.place);
        }
        if steps.len() < MAX_STEPS {
            steps.push((step, line.state));
        } else {
            steps_left_out += 1;
        }
    })?;
    for found in &mut contradictions {
        let (from, to) = found.span();
        found.may_be_explained = uncertain.touch(from, Some(to));
    }
    let (from, to) = life(&line, first, &contradictions);
    let end = ground.end().unwrap_or_default();
    let standing = match (line.state, line.last) {
        (State::Ended(_), Some(last)) => ground.standing(last.seq),
        _ => ground.standing(end),
    };
    Ok(History {
        steps: steps
            .into_iter()
            .map(|(step, state)| HistoryStep {
                standing: ground.standing(step.place.seq),
                step,
                state,
            })
            .collect(),
        uncertainties: uncertain
            .found
            .into_iter()
            .filter(|found| found.touches(from, to))
            .collect(),
        ground,
        lease,
        steps_left_out,
        state: line.state,
        standing,
        contradictions,
        contradictions_left_out,
    })
}

/// From when to when something that is missing could belong to the lease. A lease that was granted begins there; one that is
/// over in order ends there.
fn life(
    line: &Lifeline,
    first: Option<Place>,
    contradictions: &[Contradiction],
) -> (Option<Timestamp>, Option<Timestamp>) {
    let in_order = contradictions.is_empty();
    let from = first.filter(|_| in_order).map(|place| place.time);
    let to = match (line.state, line.last) {
        (State::Ended(_), Some(last)) if in_order => Some(last.time),
        _ => None,
    };
    (from, to)
}
