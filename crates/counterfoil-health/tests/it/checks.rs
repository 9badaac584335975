//! Checks that do what checks must not: hang, block, panic, come late.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use counterfoil_health::{Cause, Outcome, Registration, Status, blocking, from_fn};

use crate::{builder, eventually, finds, hangs, settled};

#[test]
fn a_check_that_hangs_has_timed_out_and_is_called_again() {
    let (builder, _clock) = builder();
    let health = builder
        .check(hangs("peer"))
        .check(finds("database", Outcome::healthy()))
        .start()
        .unwrap();
    let check = eventually(&health, "peer", |check| check.timeouts >= 3);
    assert_eq!(check.status, Status::Unhealthy);
    assert_eq!(check.cause, Cause::TimedOut);
    assert_eq!(check.message.as_deref(), Some("no answer within 10ms"));
    assert_eq!(
        (check.runs, check.failures),
        (check.timeouts, check.timeouts)
    );
    eventually(&health, "database", |check| check.status == Status::Healthy);
}

#[test]
fn a_check_that_recovers_after_time_outs_is_healthy_again() {
    let (builder, _clock) = builder();
    let calls = AtomicU64::new(0);
    let look = from_fn(move || {
        let first = calls.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if first {
                std::future::pending::<()>().await;
            }
            Outcome::healthy()
        }
    });
    let flaky = Registration::new("flaky", look)
        .deadline(Duration::from_millis(100))
        .interval(Registration::MIN_TIME);
    let health = builder.check(flaky).start().unwrap();
    let check = eventually(&health, "flaky", |check| check.status == Status::Healthy);
    assert_eq!(check.timeouts, 1);
}

#[test]
fn a_blocking_check_that_hangs_is_not_called_a_second_time_meanwhile() {
    let (builder, _clock) = builder();
    let calls = Arc::new(AtomicU64::new(0));
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let counted = Arc::clone(&calls);
    let look = blocking(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        held.lock().unwrap().recv().ok();
        Outcome::healthy()
    });
    let disk = Registration::new("disk", look)
        .deadline(Registration::MIN_TIME)
        .interval(Registration::MIN_TIME);
    let health = builder.check(disk).start().unwrap();
    eventually(&health, "disk", |check| check.timeouts >= 5);
    assert_eq!(calls.load(Ordering::SeqCst), 1);

    drop(release);
    let check = eventually(&health, "disk", |check| check.status == Status::Healthy);
    assert!(check.timeouts >= 5);
    eventually(&health, "disk", |check| check.runs > check.timeouts + 1);
    assert!(calls.load(Ordering::SeqCst) > 1);
}

#[test]
fn a_check_that_blocks_the_thread_of_all_is_seen_to_hang_and_the_others_to_be_stale() {
    let (builder, clock) = builder();
    let (release, held) = mpsc::channel::<()>();
    let (entered, is_in) = mpsc::channel();
    let held = Arc::new(Mutex::new(held));
    let rude = from_fn(move || {
        let (held, entered) = (Arc::clone(&held), entered.clone());
        async move {
            entered.send(()).ok();
            held.lock().unwrap().recv().ok();
            Outcome::healthy()
        }
    });
    let health = builder
        .check(finds("database", Outcome::healthy()))
        .start()
        .unwrap();
    settled(&health);
    health.register(Registration::new("rude", rude)).unwrap();
    is_in.recv().unwrap();

    clock.step(Duration::from_secs(3));
    let check = eventually(&health, "rude", |check| check.cause == Cause::TimedOut);
    assert_eq!(check.message.as_deref(), Some("no answer within 2s"));
    let page = health.page("/livez", None, None).unwrap();
    assert_eq!(page.status, 200);

    clock.step(Duration::from_secs(60));
    let check = eventually(&health, "database", |check| check.cause == Cause::Stale);
    assert_eq!(check.status, Status::Unknown);
    assert_eq!(
        check.message.as_deref(),
        Some("no result for 63 s: the checks do not run")
    );
    assert_eq!(health.page("/readyz", None, None).unwrap().status, 503);
    drop(release);
}

#[test]
fn a_panicking_check_is_unhealthy_and_the_others_go_on() {
    let (builder, _clock) = builder();
    let health = builder
        .check(
            Registration::new(
                "async",
                from_fn(|| async { panic!("no such {}", "thing") as Outcome }),
            )
            .interval(Registration::MIN_TIME),
        )
        .check(
            Registration::new("sync", blocking(|| -> Outcome { panic!("literal") }))
                .interval(Registration::MIN_TIME),
        )
        .check(finds("database", Outcome::healthy()))
        .start()
        .unwrap();
    let check = eventually(&health, "async", |check| check.runs >= 2);
    assert_eq!(
        (check.status, check.cause),
        (Status::Unhealthy, Cause::Panicked)
    );
    let message = check.message.unwrap();
    assert_eq!(message, "the check panicked: no such thing");
    let check = eventually(&health, "sync", |check| check.runs >= 2);
    let message = check.message.unwrap();
    assert_eq!(message, "the check panicked: literal");
    eventually(&health, "database", |check| check.status == Status::Healthy);
}

#[test]
fn more_blocking_checks_hang_than_a_usual_pool_has_threads_for_and_none_keeps_another_waiting() {
    let (builder, _clock) = builder();
    let (release, held) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let stuck = (0..100).map(|n| {
        let held = Arc::clone(&held);
        let look = blocking(move || {
            held.lock().unwrap().recv().ok();
            Outcome::healthy()
        });
        Registration::new(format!("stuck-{n}"), look).deadline(Registration::MIN_TIME)
    });
    let health = builder.checks(stuck).start().unwrap();
    let sound = Registration::new("sound", blocking(Outcome::healthy));
    health.register(sound).unwrap();
    eventually(&health, "sound", |check| check.status == Status::Healthy);
    eventually(&health, "stuck-99", |check| check.cause == Cause::TimedOut);
    drop(release);
}

#[test]
fn errors_of_closures_are_unhealthy() {
    let (builder, _clock) = builder();
    let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    let health = builder
        .check(Registration::new(
            "async",
            from_fn(move || async move { Err::<(), _>(refused()) }),
        ))
        .check(Registration::new(
            "sync",
            blocking(move || Err::<Outcome, _>(refused())),
        ))
        .start()
        .unwrap();
    for name in ["async", "sync"] {
        let check = eventually(&health, name, |check| check.runs > 0);
        assert_eq!(check.status, Status::Unhealthy);
        assert_eq!(check.message.as_deref(), Some("connection refused"));
    }
}

#[test]
fn the_age_of_a_result_grows_with_the_clock() {
    let (builder, clock) = builder();
    let health = builder
        .check(finds("database", Outcome::healthy()).interval(Duration::from_secs(600)))
        .start()
        .unwrap();
    settled(&health);
    assert_eq!(health.report().checks[0].age, Some(Duration::ZERO));
    clock.step(Duration::from_secs(7));
    assert_eq!(health.report().checks[0].age, Some(Duration::from_secs(7)));
    assert_eq!(health.report().uptime, Duration::from_secs(7));
}
