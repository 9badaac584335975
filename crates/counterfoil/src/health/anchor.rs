//! Is what was sealed vouched for?

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use counterfoil_audit::{AuditLog, Figures};
use counterfoil_core::{Clock, Ticks};
use counterfoil_health::{Figure, Outcome, Registration, Status, blocking};

use super::Limits;

/// For how long durable records have waited for an anchor; a log anchors once a minute unless told otherwise.
pub const ANCHOR_LIMITS: Limits<Duration> = Limits {
    degraded: Duration::from_secs(180),
    unhealthy: Duration::from_secs(600),
};

/// Whether the heads of the audit log reach the anchor store. A log without new records needs no new anchor, however old the
/// last one is. It is not critical: what was sealed is kept, and anchored when the store is back.
///
/// Its figures: `waiting` in seconds, `unanchored` records, `age` of the last anchor in seconds, `failures` to anchor.
pub fn audit_anchor(log: &AuditLog, limits: Limits<Duration>) -> Registration {
    let (figures, clock) = (log.figures_reader(), Arc::clone(log.clock()));
    let tail = Mutex::new(Tail::default());
    let look = move || {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        let figures = figures.read();
        let seen = tail.look(&figures, clock.ticks());
        judge(&figures, &seen, limits)
    };
    Registration::new("audit-anchor", blocking(look)).degrading()
}

/// The records that no anchor vouches for yet, from look to look.
#[derive(Debug, Default)]
struct Tail {
    anchored_seq: u64,
    waiting_since: Option<Ticks>,
    failures: u64,
}

/// What a look found.
#[derive(Debug)]
struct Seen {
    /// Since when records wait without an anchor having been made.
    waiting: Duration,
    /// Whether an attempt has failed since the look before, or the last one anchored nothing.
    fails: bool,
}

impl Tail {
    fn look(&mut self, figures: &Figures, now: Ticks) -> Seen {
        let waits = figures.unanchored() > 0;
        if !waits || figures.anchored_seq != self.anchored_seq {
            self.waiting_since = None;
        }
        let waiting = if waits {
            let since = self.waiting_since.get_or_insert(now);
            Duration::from_nanos(now.0.saturating_sub(since.0))
        } else {
            Duration::ZERO
        };
        let fails = waits && figures.anchor_failures > self.failures;
        self.anchored_seq = figures.anchored_seq;
        self.failures = figures.anchor_failures;
        Seen { waiting, fails }
    }
}

fn judge(figures: &Figures, seen: &Seen, limits: Limits<Duration>) -> Outcome {
    let why = figures
        .alarm
        .as_deref()
        .map_or(String::new(), |why| format!(": {why}"));
    let records = figures.unanchored();
    let waiting = seen.waiting.as_secs();
    let outcome = match limits.judge(&seen.waiting) {
        Status::Unhealthy => Outcome::unhealthy(format!(
            "{records} records wait for an anchor since {waiting} s{why}"
        )),
        Status::Degraded => Outcome::degraded(format!(
            "{records} records wait for an anchor since {waiting} s{why}"
        )),
        _ if seen.fails => Outcome::degraded(format!("anchoring fails{why}")),
        _ => Outcome::healthy(),
    };
    let age = figures.anchor_age.map_or(f64::NAN, |age| age.as_secs_f64());
    outcome.with_all([
        Figure::new("waiting", seen.waiting.as_secs_f64(), "s"),
        Figure::new("unanchored", records as f64, "{record}"),
        Figure::new("age", age, "s"),
        Figure::new("failures", figures.anchor_failures as f64, "{attempt}"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(durable_seq: u64, anchored_seq: u64, failures: u64) -> Figures {
        let mut figures = Figures::default();
        figures.durable_seq = durable_seq;
        figures.anchored_seq = anchored_seq;
        figures.anchor_failures = failures;
        figures
    }

    fn statuses(looks: &[(u64, Figures)]) -> Vec<Status> {
        let mut tail = Tail::default();
        looks
            .iter()
            .map(|(seconds, figures)| {
                let seen = tail.look(figures, Ticks(seconds * 1_000_000_000));
                judge(figures, &seen, ANCHOR_LIMITS).status()
            })
            .collect()
    }

    #[test]
    fn records_that_wait_too_long_are_seen_and_an_anchor_ends_the_waiting() {
        let found = statuses(&[
            (0, log(10, 10, 0)),
            (10, log(20, 10, 0)),
            (189, log(30, 10, 0)),
            (190, log(40, 10, 0)),
            (610, log(50, 10, 0)),
            (620, log(50, 50, 0)),
        ]);
        use Status::{Degraded, Healthy, Unhealthy};
        assert_eq!(
            found,
            [Healthy, Healthy, Healthy, Degraded, Unhealthy, Healthy]
        );
    }

    #[test]
    fn a_quiet_log_is_healthy_however_old_its_anchor_is() {
        let mut quiet = log(10, 10, 0);
        quiet.anchor_age = Some(Duration::from_secs(86_400));
        let mut first_in_a_day = log(11, 10, 0);
        first_in_a_day.anchor_age = Some(Duration::from_secs(86_410));
        let found = statuses(&[(0, quiet), (10, first_in_a_day)]);
        assert_eq!(found, [Status::Healthy, Status::Healthy]);
    }

    #[test]
    fn an_attempt_that_failed_degrades_at_once_and_says_why() {
        let mut tail = Tail::default();
        let mut figures = log(20, 10, 1);
        figures.alarm = Some("the store does not answer".into());
        let seen = tail.look(&figures, Ticks(0));
        let outcome = judge(&figures, &seen, ANCHOR_LIMITS);
        assert_eq!(outcome.status(), Status::Degraded);
        assert_eq!(
            outcome.message(),
            Some("anchoring fails: the store does not answer")
        );
    }
}
