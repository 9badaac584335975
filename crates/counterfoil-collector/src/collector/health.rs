//! What says whether the collector does its work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use counterfoil::audit::{Figures, LogState};
use counterfoil::health::{
    DISK_LIMITS, Outcome, Registration, WRITABLE_LIMITS, audit_writable_now, blocking, disk_space,
};

use crate::collector::shared::Shared;

/// Looked at more often than usual: a full disk should show before the next producer finds out.
const INTERVAL: Duration = Duration::from_secs(1);
/// No round of a worker takes so long: what blocks is done elsewhere.
const STUCK: Duration = Duration::from_secs(10);

/// `collector-storage`: records can be stored. `collector-disk`: the disk is not nearly full. `collector-workers`: the threads that
/// verify are there and not stuck. `collector-chains` (degrading): every chain could be opened. `audit-writable`: the collector's own chain takes records. They do not keep the collector alive.
pub(crate) fn checks(shared: &Arc<Shared>) -> Vec<Registration> {
    let disk = disk_space("collector-disk", shared.root(), DISK_LIMITS).degrading();
    vec![
        check("collector-storage", shared, storage),
        disk,
        check("collector-workers", shared, workers),
        check("collector-chains", shared, chains).degrading(),
        own_log(shared),
    ]
}

/// Its own log is opened anew after it failed, so the one that is open now is asked each time.
fn own_log(shared: &Arc<Shared>) -> Registration {
    let clock = Arc::clone(&shared.clock);
    let shared = Arc::downgrade(shared);
    let figures = move || {
        if let Some(shared) = shared.upgrade() {
            return shared.meta.log().figures();
        }
        let mut ended = Figures::default();
        ended.state = LogState::Closed;
        ended
    };
    audit_writable_now(figures, clock, WRITABLE_LIMITS)
}

fn check(name: &str, shared: &Arc<Shared>, look: fn(&Shared) -> Outcome) -> Registration {
    let shared = Arc::downgrade(shared);
    let look = move || Weak::upgrade(&shared).map_or_else(gone, |shared| look(&shared));
    Registration::new(name, blocking(look)).interval(INTERVAL)
}

fn gone() -> Outcome {
    Outcome::unhealthy("the collector has ended")
}

fn storage(shared: &Shared) -> Outcome {
    if shared.space.is_low(&*shared.clock) || shared.space.is_full() {
        return Outcome::unhealthy(
            "the disk is full: records are refused until there is room, reading goes on; free some or let retention do it",
        );
    }
    if shared.space.is_broken() {
        return Outcome::unhealthy(
            "the records of a chain could not be stored the last time; the log says which and why",
        );
    }
    Outcome::healthy()
}

fn chains(shared: &Shared) -> Outcome {
    let chains = shared.chains.read();
    let failed = chains.values().find(|chain| chain.has_failed());
    match failed {
        None => Outcome::healthy(),
        Some(first) => Outcome::degraded(format!(
            "chains cannot be opened, {} is the first; the others go on, the log says why",
            first.id()
        )),
    }
}

fn workers(shared: &Shared) -> Outcome {
    if shared.is_stopping() {
        return Outcome::unhealthy("the collector is stopping");
    }
    let now = shared.clock.ticks().0;
    let stuck = |beat: &&AtomicU64| {
        let busy_since = beat.load(Ordering::Relaxed);
        busy_since > 0 && now.saturating_sub(busy_since) > STUCK.as_nanos() as u64
    };
    match shared.busy_since.iter().filter(stuck).count() {
        0 => Outcome::healthy(),
        stuck => Outcome::unhealthy(format!(
            "{stuck} of {} threads that verify have been at the same work for more than {} s; restart the collector and report this",
            shared.busy_since.len(),
            STUCK.as_secs()
        )),
    }
}
