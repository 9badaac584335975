//! Does what is exported arrive?

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use counterfoil_health::{Figure, Outcome, Registration, Status, blocking};

use super::Limits;

/// For how long nothing was delivered while something waits.
pub const EXPORTER_LIMITS: Limits<Duration> = Limits {
    degraded: Duration::from_secs(60),
    unhealthy: Duration::from_secs(300),
};

/// How far an exporter is behind; whoever drives it has these figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "filled in by whoever drives an exporter, which must not forget one"
)]
pub struct ExporterFigures {
    /// Items that wait or are under way.
    pub waiting: u64,
    /// Items that were dropped or given up so far.
    pub lost: u64,
    /// Since when nothing was delivered: since the last delivery, or since the start when there was none.
    pub since_delivery: Duration,
}

/// Whether an exporter delivers what it is given, by the figures that `read` gives. It is not critical: a service does its
/// work unseen.
///
/// Its figures: `waiting` and `lost` items, `since_delivery` in seconds.
pub fn exporter_lag<F>(name: impl AsRef<str>, read: F, limits: Limits<Duration>) -> Registration
where
    F: Fn() -> ExporterFigures + Send + Sync + 'static,
{
    let lost_before = Mutex::new(0);
    let look = move || {
        let mut before = lost_before.lock().unwrap_or_else(PoisonError::into_inner);
        let figures = read();
        let newly = figures
            .lost
            .saturating_sub(std::mem::replace(&mut *before, figures.lost));
        judge(figures, newly, limits)
    };
    Registration::new(name, blocking(look)).degrading()
}

fn judge(figures: ExporterFigures, newly_lost: u64, limits: Limits<Duration>) -> Outcome {
    let ExporterFigures {
        waiting,
        lost,
        since_delivery,
    } = figures;
    let behind = if waiting > 0 {
        since_delivery
    } else {
        Duration::ZERO
    };
    let seconds = behind.as_secs();
    let message = format!(
        "{waiting} items wait and nothing was delivered for {seconds} s; look at its destination"
    );
    let outcome = match limits.judge(&behind) {
        Status::Unhealthy => Outcome::unhealthy(message),
        Status::Degraded => Outcome::degraded(message),
        _ if newly_lost > 0 => {
            Outcome::degraded(format!("{newly_lost} items were lost since the last look"))
        }
        _ => Outcome::healthy(),
    };
    outcome.with_all([
        Figure::new("waiting", waiting as f64, "{item}"),
        Figure::new("lost", lost as f64, "{item}"),
        Figure::new("since_delivery", since_delivery.as_secs_f64(), "s"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(waiting: u64, seconds: u64, newly_lost: u64) -> Status {
        let figures = ExporterFigures {
            waiting,
            lost: newly_lost,
            since_delivery: Duration::from_secs(seconds),
        };
        judge(figures, newly_lost, EXPORTER_LIMITS).status()
    }

    #[test]
    fn an_exporter_that_has_nothing_to_deliver_is_not_behind() {
        assert_eq!(status(0, 86_400, 0), Status::Healthy);
    }

    #[test]
    fn an_exporter_that_delivers_nothing_is_degraded_and_then_unhealthy() {
        assert_eq!(status(5, 59, 0), Status::Healthy);
        assert_eq!(status(5, 60, 0), Status::Degraded);
        assert_eq!(status(5, 300, 0), Status::Unhealthy);
    }

    #[test]
    fn a_loss_degrades() {
        assert_eq!(status(0, 0, 3), Status::Degraded);
    }
}
