//! The verdict on completeness.

use super::Judge;
use crate::verify::findings::Place;
use crate::verify::report::{Completeness, LaneReport};

impl Judge<'_> {
    /// The lanes and the worst of them; where lines are `unread`, what they hold is no gap. `None` when only hashes are judged.
    pub(super) fn judge_lanes(&mut self, unread: bool) -> (Vec<LaneReport>, Option<Completeness>) {
        if self.options.hash_only {
            return (Vec::new(), None);
        }
        let without_beginning = self.lanes.without_beginning && !self.lanes.pruned;
        let (lanes, faults) = std::mem::take(&mut self.lanes).finish(unread);
        for fault in faults {
            self.findings.add(
                fault.reason,
                Some(fault.position),
                &Place::none(),
                fault.detail,
            );
        }
        let worst = lanes.iter().map(|lane| lane.completeness).max();
        // Where the beginning is absent, whole lanes may be among what is absent.
        let unknown = self.policy.is_bare() || without_beginning;
        let worst = if unknown { None } else { worst };
        (lanes, Some(worst.unwrap_or(Completeness::Unknown)))
    }
}
