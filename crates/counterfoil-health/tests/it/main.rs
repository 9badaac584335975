//! The registry and its pages, as a service uses them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod checks;
mod pages;
mod probes;
mod recent;
mod registry;
mod status_page;

use std::sync::Arc;
use std::time::Duration;

use counterfoil_health::{CheckReport, Health, HealthBuilder, Outcome, Registration, from_fn};
use counterfoil_testkit::FakeClock;

/// A registry with a clock that stands still.
fn builder() -> (HealthBuilder, Arc<FakeClock>) {
    let clock = Arc::new(FakeClock::new());
    let builder = Health::builder("orders", "1.2.3").clock(Arc::clone(&clock));
    (builder, clock)
}

/// A check that always finds the same.
fn finds(name: &str, outcome: Outcome) -> Registration {
    let look = from_fn(move || {
        let outcome = outcome.clone();
        async { outcome }
    });
    Registration::new(name, look)
}

/// A check whose call never comes back, with the shortest deadline and interval.
fn hangs(name: &str) -> Registration {
    Registration::new(name, from_fn(std::future::pending::<Outcome>))
        .deadline(Registration::MIN_TIME)
        .interval(Registration::MIN_TIME)
}

/// The check of this name, once it is as `wanted`; the test fails if that never comes.
fn eventually(health: &Health, name: &str, wanted: impl Fn(&CheckReport) -> bool) -> CheckReport {
    let mut last = None;
    for _ in 0..5_000 {
        let checks = health.report().checks;
        let check = checks.into_iter().find(|check| &*check.name == name);
        if let Some(check) = check.clone().filter(|check| wanted(check)) {
            return check;
        }
        last = check;
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("the check {name} never became as wanted: {last:?}")
}

/// Waits until each check has a result.
fn settled(health: &Health) {
    for check in health.report().checks {
        eventually(health, &check.name, |check| check.runs > 0);
    }
}
