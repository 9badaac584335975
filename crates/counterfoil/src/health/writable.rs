//! Does the audit log write?

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use counterfoil_audit::{AuditLog, Figures, LogState};
use counterfoil_core::{Clock, Ticks};
use counterfoil_health::{Figure, Outcome, Registration, Status, blocking};

use super::Limits;

/// For how long no sync has ended while records wait for one.
pub const WRITABLE_LIMITS: Limits<Duration> = Limits {
    degraded: Duration::from_secs(2),
    unhealthy: Duration::from_secs(10),
};

/// Whether the audit log makes durable what it is given, by its own account; nothing is written to find out.
///
/// Its figures: `unsynced` records, `poisoned` segments, `longest_sync` in seconds, `stuck` in seconds: since when records wait
/// without one becoming durable, as far as the looks of this check tell.
pub fn audit_writable(log: &AuditLog, limits: Limits<Duration>) -> Registration {
    let figures = log.figures_reader();
    audit_writable_now(move || figures.read(), Arc::clone(log.clock()), limits)
}

/// The check of [`audit_writable`] for a log that is opened anew while the program runs: `figures` reads those of the log that is
/// open now, which is stamped by `clock`.
pub fn audit_writable_now(
    figures: impl Fn() -> Figures + Send + Sync + 'static,
    clock: Arc<dyn Clock>,
    limits: Limits<Duration>,
) -> Registration {
    let progress = Mutex::new(Progress::default());
    let look = move || {
        let figures = figures();
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        let stuck = progress.stuck(&figures, clock.ticks());
        judge(&figures, stuck, limits)
    };
    Registration::new("audit-writable", blocking(look)).interval(Duration::from_secs(2))
}

/// The last record that became durable, and since when none has although some wait.
#[derive(Debug, Default)]
struct Progress {
    durable_seq: u64,
    waiting_since: Option<Ticks>,
}

impl Progress {
    fn stuck(&mut self, figures: &Figures, now: Ticks) -> Duration {
        if figures.unsynced_records == 0 || figures.durable_seq != self.durable_seq {
            self.waiting_since = None;
        }
        self.durable_seq = figures.durable_seq;
        if figures.unsynced_records == 0 {
            return Duration::ZERO;
        }
        let since = self.waiting_since.get_or_insert(now);
        Duration::from_nanos(now.0.saturating_sub(since.0))
    }
}

fn judge(figures: &Figures, stuck: Duration, limits: Limits<Duration>) -> Outcome {
    let waiting = || {
        let (records, seconds) = (figures.unsynced_records, stuck.as_secs());
        format!("no sync has ended for {seconds} s while {records} records wait; look at the disk")
    };
    let alarm = || figures.alarm.clone();
    let outcome = match (figures.state, limits.judge(&stuck)) {
        (LogState::Failed, _) => {
            Outcome::unhealthy(alarm().unwrap_or_else(|| "the log has stopped".into()))
        }
        (LogState::Closed, _) => Outcome::unhealthy("the log is closed"),
        (LogState::Open, Status::Unhealthy) => Outcome::unhealthy(waiting()),
        (LogState::Open, Status::Degraded) => Outcome::degraded(waiting()),
        (LogState::Open, _) if figures.poisoned_segments > 0 => Outcome::degraded(format!(
            "writing or syncing has failed for {} segments, which were replaced; look at the disk",
            figures.poisoned_segments
        )),
        (LogState::Open, _) => Outcome::healthy(),
    };
    outcome.with_all([
        Figure::new("unsynced", figures.unsynced_records as f64, "{record}"),
        Figure::new("poisoned", figures.poisoned_segments as f64, "{segment}"),
        Figure::new("longest_sync", figures.longest_sync.as_secs_f64(), "s"),
        Figure::new("stuck", stuck.as_secs_f64(), "s"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(durable_seq: u64, unsynced: u64) -> Figures {
        let mut figures = Figures::default();
        (figures.durable_seq, figures.unsynced_records) = (durable_seq, unsynced);
        figures
    }

    fn at(seconds: u64) -> Ticks {
        Ticks(seconds * 1_000_000_000)
    }

    #[test]
    fn a_log_whose_syncs_do_not_end_is_degraded_and_then_unhealthy() {
        let mut progress = Progress::default();
        let mut look = |figures: &Figures, seconds| {
            let stuck = progress.stuck(figures, at(seconds));
            judge(figures, stuck, WRITABLE_LIMITS).status()
        };
        assert_eq!(look(&waiting(7, 0), 0), Status::Healthy);
        assert_eq!(look(&waiting(7, 3), 100), Status::Healthy);
        assert_eq!(look(&waiting(7, 5), 102), Status::Degraded);
        assert_eq!(look(&waiting(7, 5), 110), Status::Unhealthy);
        assert_eq!(look(&waiting(12, 5), 112), Status::Healthy);
    }

    #[test]
    fn a_busy_log_that_always_has_something_to_sync_is_healthy_as_long_as_it_advances() {
        let mut progress = Progress::default();
        for second in 0..60 {
            let figures = waiting(second + 1, 100);
            assert_eq!(progress.stuck(&figures, at(second)), Duration::ZERO);
        }
    }

    #[test]
    fn a_log_that_takes_nothing_is_unhealthy() {
        let mut figures = Figures::default();
        figures.state = LogState::Closed;
        let outcome = judge(&figures, Duration::ZERO, WRITABLE_LIMITS);
        assert_eq!(outcome.message(), Some("the log is closed"));
        figures.state = LogState::Failed;
        figures.alarm = Some("the log has stopped: no space".into());
        let outcome = judge(&figures, Duration::ZERO, WRITABLE_LIMITS);
        assert_eq!(outcome.message(), Some("the log has stopped: no space"));
        assert_eq!(outcome.status(), Status::Unhealthy);
    }

    #[test]
    fn a_poisoned_segment_degrades_for_good() {
        let mut figures = Figures::default();
        figures.poisoned_segments = 1;
        let outcome = judge(&figures, Duration::ZERO, WRITABLE_LIMITS);
        assert_eq!(outcome.status(), Status::Degraded);
    }
}
