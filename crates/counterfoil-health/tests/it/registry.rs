//! Registering, draining and ending.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use counterfoil_health::{
    Check, ErrorKind, Figure, Health, MAX_CHECKS, Outcome, Registration, Scope, Status, blocking,
};

use crate::{builder, eventually, finds, settled};

#[test]
fn a_check_is_unknown_until_it_was_called_and_the_service_not_ready() {
    let (builder, _clock) = builder();
    let (release, held) = mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let waits = blocking(move || {
        held.lock().unwrap().recv().ok();
        Outcome::healthy()
    });
    let slow = Registration::new("slow", waits).deadline(Duration::from_secs(600));
    let health = builder.check(slow).start().unwrap();

    let report = health.report();
    assert_eq!(report.checks[0].status, Status::Unknown);
    assert_eq!(report.checks[0].age, None);
    assert!(!report.is_ready());
    assert!(report.is_live());

    release.send(()).unwrap();
    eventually(&health, "slow", |check| check.status == Status::Healthy);
    assert!(health.report().is_ready());
}

#[test]
fn a_service_without_checks_is_healthy() {
    let (builder, _clock) = builder();
    let report = builder.start().unwrap().report();
    assert_eq!(report.status(), Status::Healthy);
    assert!(report.is_ready() && report.is_live());
}

#[test]
fn a_check_that_is_not_critical_degrades_the_whole_and_no_more() {
    let (builder, _clock) = builder();
    let health = builder
        .check(finds("cache", Outcome::unhealthy("cold")).degrading())
        .check(finds("database", Outcome::healthy()))
        .start()
        .unwrap();
    settled(&health);
    let report = health.report();
    assert_eq!(report.checks[0].status, Status::Unhealthy);
    assert_eq!(report.status(), Status::Degraded);
    assert!(report.is_ready());
}

#[test]
fn a_probe_depends_on_the_checks_of_its_scope_only() {
    let (builder, _clock) = builder();
    let health = builder
        .check(finds("peer", Outcome::unhealthy("gone")).scope(Scope::Shown))
        .check(finds("database", Outcome::unhealthy("gone")))
        .start()
        .unwrap();
    settled(&health);
    let report = health.report();
    assert!(!report.is_ready());
    assert!(report.is_live());
    assert_eq!(report.status(), Status::Unhealthy);

    let deadlock = finds("deadlock", Outcome::unhealthy("found")).scope(Scope::Liveness);
    health.register(deadlock).unwrap();
    settled(&health);
    assert!(!health.report().is_live());
}

#[test]
fn a_draining_service_is_not_ready_and_otherwise_as_healthy_as_before() {
    let (builder, _clock) = builder();
    let health = builder
        .check(finds("database", Outcome::healthy()))
        .start()
        .unwrap();
    settled(&health);
    assert!(health.report().is_ready());
    health.drain();
    let report = health.report();
    assert!(report.draining && !report.is_ready());
    assert!(report.is_live());
    assert_eq!(report.status(), Status::Healthy);
}

#[test]
fn names_that_are_malformed_or_taken_are_refused() {
    let (builder, _clock) = builder();
    let health = builder.start().unwrap();
    let long = "x".repeat(Registration::MAX_NAME + 1);
    for name in ["", "Upper", "with space", "a/b", "naïve", "a\nb", &long] {
        let error = health
            .register(finds(name, Outcome::healthy()))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidName, "{name:?}");
    }
    health.register(finds("once", Outcome::healthy())).unwrap();
    let error = health
        .register(finds("once", Outcome::healthy()))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NameTaken);
    assert_eq!(
        error.to_string(),
        "cannot register a health check: there is a check \"once\" already; choose another name"
    );
}

#[test]
fn one_check_more_than_there_may_be_is_refused() {
    let (builder, _clock) = builder();
    let many = (0..MAX_CHECKS).map(|n| finds(&format!("check-{n}"), Outcome::healthy()));
    let health = builder.checks(many).start().unwrap();
    let error = health.register(finds("one-more", Outcome::healthy()));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::TooMany);
    settled(&health);
    assert_eq!(health.report().checks.len(), MAX_CHECKS);
}

#[test]
fn aggregates_come_from_the_service() {
    let (builder, _clock) = builder();
    let health = builder
        .aggregates(|| vec![Figure::new("requests", 17.0, "{request}")])
        .start()
        .unwrap();
    let mut aggregates = Vec::new();
    while aggregates.is_empty() {
        std::thread::yield_now();
        aggregates = health.report().aggregates;
    }
    assert_eq!(aggregates, [Figure::new("requests", 17.0, "{request}")]);
    assert!(health.report().checks.is_empty());
}

#[test]
fn the_checks_end_with_the_last_handle() {
    #[derive(Debug)]
    struct Told(#[expect(dead_code, reason = "its end is what counts")] mpsc::Sender<()>);

    #[async_trait::async_trait]
    impl Check for Told {
        async fn check(&self) -> Outcome {
            Outcome::healthy()
        }
    }

    let (sender, ended) = mpsc::channel();
    let (builder, _clock) = builder();
    let told: Arc<dyn Check> = Arc::new(Told(sender));
    let health = builder
        .check(Registration::new("told", told))
        .start()
        .unwrap();
    let other: Health = health.clone();
    drop(health);
    eventually(&other, "told", |check| check.status == Status::Healthy);
    assert_eq!(ended.try_recv(), Err(mpsc::TryRecvError::Empty));
    drop(other);
    // Answers with an error once the check, and its sender with it, is gone.
    assert_eq!(ended.recv(), Err(mpsc::RecvError));
}
