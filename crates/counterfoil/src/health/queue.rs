//! Does the audit log keep up?

use std::sync::{Mutex, PoisonError};

use counterfoil_audit::{AuditLog, Figures};
use counterfoil_health::{Figure, Outcome, Registration, Status, blocking};

use super::Limits;

/// How full the fullest queue is, from 0 to 1.
pub const QUEUE_LIMITS: Limits<f64> = Limits {
    degraded: 0.5,
    unhealthy: 0.9,
};

/// Whether the queues to the sealer have room, and whether entries were refused or dropped since the last look.
///
/// Its figures: `fullest` as a share of a queue, `waiting`, `rejected` and `dropped` records.
pub fn audit_queue(log: &AuditLog, limits: Limits<f64>) -> Registration {
    let figures = log.figures_reader();
    let lost_before = Mutex::new(0);
    let look = move || {
        let mut before = lost_before.lock().unwrap_or_else(PoisonError::into_inner);
        let figures = figures.read();
        let lost = figures.rejected + figures.dropped;
        let newly = lost.saturating_sub(std::mem::replace(&mut *before, lost));
        judge(&figures, newly, limits)
    };
    Registration::new("audit-queue", blocking(look))
}

fn judge(figures: &Figures, newly_lost: u64, limits: Limits<f64>) -> Outcome {
    let capacity = figures.queue_capacity_words.max(1) as f64;
    let fullest = figures.fullest_queue_words as f64 / capacity;
    let percent = fullest * 100.0;
    let outcome = match limits.judge(&fullest) {
        Status::Unhealthy => Outcome::unhealthy(format!(
            "a queue to the sealer is {percent:.0} % full: entries are about to be refused or dropped"
        )),
        _ if newly_lost > 0 => Outcome::degraded(format!(
            "{newly_lost} entries were refused or dropped since the last look"
        )),
        Status::Degraded => Outcome::degraded(format!(
            "a queue to the sealer is {percent:.0} % full: more is recorded than the log takes in"
        )),
        _ => Outcome::healthy(),
    };
    outcome.with_all([
        Figure::new("fullest", fullest, "1"),
        Figure::new("waiting", figures.queued as f64, "{record}"),
        Figure::new("rejected", figures.rejected as f64, "{record}"),
        Figure::new("dropped", figures.dropped as f64, "{record}"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(words: u64) -> Figures {
        let mut figures = Figures::default();
        (figures.fullest_queue_words, figures.queue_capacity_words) = (words, 1_000);
        figures
    }

    #[test]
    fn the_fullest_queue_decides() {
        let status = |words| judge(&filled(words), 0, QUEUE_LIMITS).status();
        assert_eq!(status(499), Status::Healthy);
        assert_eq!(status(500), Status::Degraded);
        assert_eq!(status(900), Status::Unhealthy);
    }

    #[test]
    fn entries_that_were_lost_degrade_although_there_is_room_again() {
        let outcome = judge(&filled(0), 12, QUEUE_LIMITS);
        assert_eq!(outcome.status(), Status::Degraded);
        assert_eq!(
            outcome.message(),
            Some("12 entries were refused or dropped since the last look")
        );
    }
}
