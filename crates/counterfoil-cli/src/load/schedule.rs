//! When which batch is due.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The end of a run: a moment, a number of records, or whichever comes first.
#[derive(Debug)]
pub(super) struct Rest {
    records: AtomicU64,
}

impl Rest {
    pub(super) const fn new(records: u64) -> Self {
        Self {
            records: AtomicU64::new(records),
        }
    }

    /// Takes up to `batch` records of what is left.
    pub(super) fn take(&self, batch: u64) -> u64 {
        let mut taken = 0;
        let less = |left: u64| {
            taken = left.min(batch);
            Some(left - taken)
        };
        // The closure never refuses.
        let _before = self
            .records
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        taken
    }
}

/// The moments at which one connection's batches are due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    begin: Instant,
    end: Option<Instant>,
    interval: Option<Duration>,
    next: u32,
}

impl Schedule {
    /// Connection `index` of `connections`, which together send `rate` records per second in batches; without a rate a batch is
    /// due as soon as the one before is done with. The connections take turns.
    pub(super) fn new(
        begin: Instant,
        duration: Option<Duration>,
        rate: Option<u64>,
        batch: u64,
        index: u32,
        connections: u32,
    ) -> Self {
        let turn = rate.map(|rate| Duration::from_secs_f64(batch as f64 / rate.max(1) as f64));
        Self {
            begin: begin + turn.unwrap_or_default() * index,
            end: duration.map(|duration| begin + duration),
            interval: turn.map(|turn| turn * connections),
            next: 0,
        }
    }

    /// When the next batch is due; `None` behind the end, and for a batch that was due in the run but that `now` is too late for.
    pub(super) fn next(&mut self, now: Instant) -> Option<Instant> {
        let due = match self.interval {
            Some(interval) => self.begin + interval * self.next,
            None => now,
        };
        if self.end.is_some_and(|end| due >= end || now >= end) {
            return None;
        }
        self.next += 1;
        Some(due)
    }

    /// Batches that were due in the run and were not asked for.
    pub(super) fn missed(&self) -> u64 {
        let (Some(interval), Some(end)) = (self.interval, self.end) else {
            return 0;
        };
        let length = end.saturating_duration_since(self.begin).as_nanos();
        let due = length.div_ceil(interval.as_nanos().max(1));
        u64::try_from(due)
            .unwrap_or(u64::MAX)
            .saturating_sub(u64::from(self.next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn connections_take_turns_and_a_late_batch_keeps_its_moment() {
        let begin = Instant::now();
        // 100 records per second in batches of 10 on 2 connections: a batch every 200 ms on each.
        let mut second = Schedule::new(begin, Some(SECOND), Some(100), 10, 1, 2);
        let at = |millis| begin + Duration::from_millis(millis);
        assert_eq!(second.next(begin), Some(at(100)));
        assert_eq!(second.next(at(900)), Some(at(300)));
        assert_eq!(second.missed(), 3);
        assert_eq!(second.next(at(1_000)), None);
        assert_eq!(second.missed(), 3);
    }

    #[test]
    fn without_a_rate_a_batch_is_due_at_once_until_the_end() {
        let begin = Instant::now();
        let mut schedule = Schedule::new(begin, Some(SECOND), None, 10, 0, 2);
        let later = begin + Duration::from_millis(999);
        assert_eq!(schedule.next(later), Some(later));
        assert_eq!(schedule.next(begin + SECOND), None);
        assert_eq!(schedule.missed(), 0);
    }

    #[test]
    fn the_last_batch_has_what_is_left() {
        let rest = Rest::new(25);
        let taken: Vec<u64> = (0..4).map(|_| rest.take(10)).collect();
        assert_eq!(taken, [10, 10, 5, 0]);
    }
}
