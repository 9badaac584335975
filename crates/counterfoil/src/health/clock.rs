//! Does the wall clock run evenly?

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use counterfoil_core::{Clock, Ticks, Timestamp};
use counterfoil_health::{Figure, Outcome, Registration, Status, blocking};

use super::Limits;

/// By how much the wall clock stepped, in either direction.
pub const CLOCK_LIMITS: Limits<Duration> = Limits {
    degraded: Duration::from_secs(1),
    unhealthy: Duration::from_secs(60),
};

/// For how long a step is shown.
const SHOWN_FOR: Duration = Duration::from_secs(600);

/// Whether the wall clock was set, found out by comparing it with the monotonic one from look to look. The largest step of the
/// last ten minutes decides. It is not critical: stamps are off, and nothing else.
///
/// Its figure: `step` in seconds, negative when the clock was set back.
pub fn clock_steps(clock: impl Clock, limits: Limits<Duration>) -> Registration {
    let watch = Mutex::new(Watch::new(clock.ticks(), clock.utc()));
    let look = move || {
        let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
        let step = watch.look(clock.ticks(), clock.utc(), limits);
        judge(step, limits)
    };
    Registration::new("clock", blocking(look)).degrading()
}

/// The two clocks at the last look, and the step that is shown.
#[derive(Debug)]
struct Watch {
    ticks: Ticks,
    utc: Timestamp,
    shown: Option<(Ticks, i64)>,
}

impl Watch {
    const fn new(ticks: Ticks, utc: Timestamp) -> Self {
        Self {
            ticks,
            utc,
            shown: None,
        }
    }

    /// The step to show, in nanoseconds: the largest of late, or the one since the last look when that is larger.
    fn look(&mut self, ticks: Ticks, utc: Timestamp, limits: Limits<Duration>) -> i64 {
        let passed = i128::from(ticks.0) - i128::from(self.ticks.0);
        let shown = i128::from(utc.unix_nanos()) - i128::from(self.utc.unix_nanos());
        let largest = i128::from(i64::MAX);
        let step = i64::try_from((shown - passed).clamp(-largest, largest)).unwrap_or(i64::MAX);
        (self.ticks, self.utc) = (ticks, utc);
        if let Some((at, _)) = self.shown
            && Duration::from_nanos(ticks.0.saturating_sub(at.0)) >= SHOWN_FOR
        {
            self.shown = None;
        }
        let (_, kept) = self.shown.unwrap_or((ticks, 0));
        if size(step) >= limits.degraded && size(step) >= size(kept) {
            self.shown = Some((ticks, step));
            return step;
        }
        if kept == 0 { step } else { kept }
    }
}

const fn size(step: i64) -> Duration {
    Duration::from_nanos(step.unsigned_abs())
}

fn judge(step: i64, limits: Limits<Duration>) -> Outcome {
    let seconds = step as f64 / 1e9;
    let message = format!(
        "the wall clock stepped by {seconds:+.3} s in the last ten minutes; look at time synchronisation"
    );
    let outcome = match limits.judge(&size(step)) {
        Status::Unhealthy => Outcome::unhealthy(message),
        Status::Degraded => Outcome::degraded(message),
        _ => Outcome::healthy(),
    };
    outcome.with(Figure::new("step", seconds, "s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const START: u64 = 1_767_225_600 * SECOND;

    /// Looks at these pairs of seconds on the monotonic and on the wall clock.
    fn statuses(looks: &[(u64, u64)]) -> Vec<Status> {
        let mut watch = Watch::new(Ticks(0), Timestamp::from_unix_nanos(START));
        looks
            .iter()
            .map(|&(ticks, utc)| {
                let utc = Timestamp::from_unix_nanos(START + utc * SECOND);
                let step = watch.look(Ticks(ticks * SECOND), utc, CLOCK_LIMITS);
                judge(step, CLOCK_LIMITS).status()
            })
            .collect()
    }

    #[test]
    fn clocks_that_run_together_are_healthy() {
        assert_eq!(statuses(&[(10, 10), (20, 20)]), [Status::Healthy; 2]);
    }

    #[test]
    fn a_step_is_shown_for_ten_minutes() {
        let found = statuses(&[(10, 15), (20, 25), (609, 614), (610, 615)]);
        use Status::{Degraded, Healthy};
        assert_eq!(found, [Degraded, Degraded, Degraded, Healthy]);
    }

    #[test]
    fn a_large_step_is_unhealthy_and_a_smaller_one_after_it_does_not_hide_it() {
        let found = statuses(&[(10, 110), (20, 122)]);
        assert_eq!(found, [Status::Unhealthy, Status::Unhealthy]);
    }

    #[test]
    fn a_clock_that_was_set_back_is_seen() {
        let found = statuses(&[(100, 100), (200, 120)]);
        assert_eq!(found, [Status::Healthy, Status::Unhealthy]);
    }
}
