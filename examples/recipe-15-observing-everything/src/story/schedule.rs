//! What happens when: the queue that drives a simulation.

use std::collections::BTreeMap;
use std::time::Duration;

/// Things to come, in order of time; things of the same moment in the order in which they were planned.
#[derive(Debug)]
pub(crate) struct Schedule<T> {
    coming: BTreeMap<(Duration, u64), T>,
    planned: u64,
}

impl<T> Schedule<T> {
    pub(crate) const fn new() -> Self {
        Self {
            coming: BTreeMap::new(),
            planned: 0,
        }
    }

    /// Plans `what` for this long after the beginning.
    pub(crate) fn plan(&mut self, when: Duration, what: T) {
        self.coming.insert((when, self.planned), what);
        self.planned += 1;
    }

    /// Takes the next thing.
    pub(crate) fn next(&mut self) -> Option<(Duration, T)> {
        let ((when, _), what) = self.coming.pop_first()?;
        Some((when, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_come_in_order_of_time_and_then_of_planning() {
        let mut schedule = Schedule::new();
        for (seconds, what) in [(2, "c"), (1, "a"), (1, "b")] {
            schedule.plan(Duration::from_secs(seconds), what);
        }
        let order: Vec<_> = std::iter::from_fn(|| schedule.next())
            .map(|(_, what)| what)
            .collect();
        assert_eq!(order, ["a", "b", "c"]);
    }
}
