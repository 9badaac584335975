//! What the overview says of what is known.

use std::sync::Arc;
use std::time::Duration;

use counterfoil::Observer;
use counterfoil::health::{Health, Outcome, Registration, blocking};
use counterfoil_testkit::FakeClock;
use serde_json::{Value, json};

use super::*;
use crate::errors::STORE_UNAVAILABLE;
use crate::ops::traffic::Traffic;
use crate::store::backlog::Backlog;

const SECRET: &str = "cannot reach postgres://admin:hunter2@db";

fn facts() -> Facts {
    Facts {
        backlog: Backlog::default(),
        worker_silent: Some(Duration::ZERO),
        requested: 1,
        active: 0,
        released: 0,
        failed: 0,
        failed_by_code: Vec::new(),
        incidents: Vec::new(),
    }
}

/// The document so long after a start.
fn document(after: Duration, facts: Result<Facts, ErrorCode>) -> Value {
    let clock = Arc::new(FakeClock::new());
    let observer = Observer::builder()
        .clock(Arc::clone(&clock))
        .build()
        .unwrap();
    let traffic = Traffic::new(&observer);
    clock.step(after);
    let check = Registration::new("disk", blocking(|| Outcome::unhealthy(SECRET)));
    let health = Health::builder("platform-api", "1")
        .check(check)
        .start()
        .unwrap();
    while health.report().checks[0].runs == 0 {
        std::thread::yield_now();
    }
    let overview = Overview::of(
        Timestamp::from_unix_seconds(1),
        &health.report(),
        &traffic.seen(),
        facts,
    );
    serde_json::to_value(overview).unwrap()
}

#[test]
fn a_window_that_began_with_the_start_is_partial_and_a_full_one_is_not() {
    let young = document(WINDOW / 2, Ok(facts()));
    assert_eq!(young["throughput"]["state"], "partial");
    assert_eq!(
        young["throughput"]["reason"],
        "requests of the last 150 s only: the API started then"
    );
    assert_eq!(document(WINDOW, Ok(facts()))["throughput"]["state"], "ok");
}

#[test]
fn without_the_database_the_rest_is_still_told_and_why_a_check_fails_is_not() {
    let document = document(WINDOW, Err(STORE_UNAVAILABLE));
    for section in ["queues", "throughput", "errors", "incidents"] {
        let why = json!({ "state": "error", "error_code": "store.unavailable", "reason": STORE_UNAVAILABLE.description() });
        assert_eq!(document[section], why);
    }
    assert_eq!(document["health"]["state"], "partial");
    let names = document["health"]["components"].as_array().unwrap();
    assert_eq!(
        (&names[0]["name"], &names[1]["name"]),
        (&json!("disk"), &json!("database"))
    );
    assert!(!document.to_string().contains("hunter2"));
}

#[test]
fn messages_that_wait_are_late_and_then_stuck() {
    let of = |seconds| {
        let mut facts = facts();
        facts.backlog.outbox.age = Duration::from_secs(seconds);
        let health = document(WINDOW, Ok(facts))["health"]["components"].take();
        health[1]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!([of(5), of(6), of(61)], ["healthy", "degraded", "unhealthy"]);
}

#[test]
fn a_worker_that_is_not_heard_of_is_shown_before_its_queue_grows() {
    let of = |silent: Option<u64>| {
        let mut facts = facts();
        facts.worker_silent = silent.map(Duration::from_secs);
        let health = document(WINDOW, Ok(facts))["health"]["components"].take();
        assert_eq!(health[3]["name"], "worker");
        health[3]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        [of(Some(30)), of(Some(31)), of(None)],
        ["healthy", "degraded", "degraded"]
    );
}
