//! The last errors.

use counterfoil_core::{REDACTED, Redact};
use counterfoil_health::{Outcome, Registration, Status};

use crate::{builder, eventually, finds, hangs, settled};

/// Takes one word out.
#[derive(Debug)]
struct NoHunter2;

impl Redact for NoHunter2 {
    fn redact(&self, text: &str) -> Option<String> {
        text.contains("hunter2")
            .then(|| text.replace("hunter2", REDACTED))
    }

    fn redact_value(&self, _key: &str, value: &str) -> Option<String> {
        self.redact(value)
    }

    fn redact_label(&self, _key: &str, value: &str) -> Option<String> {
        self.redact(value)
    }
}

#[test]
fn the_last_errors_are_kept_and_the_oldest_goes() {
    let (builder, _clock) = builder();
    let health = builder.recent_errors(3).start().unwrap();
    for n in 1..=5 {
        health.record_error("import", format!("file {n} is empty"));
    }
    let kept: Vec<_> = health.report().recent_errors;
    let kept: Vec<_> = kept.iter().map(|error| &*error.message).collect();
    assert_eq!(
        kept,
        ["file 5 is empty", "file 4 is empty", "file 3 is empty"]
    );
}

#[test]
fn the_same_error_again_counts_and_takes_no_further_place() {
    let (builder, clock) = builder();
    let health = builder.start().unwrap();
    health.record_error("import", "no space");
    clock.step(std::time::Duration::from_secs(5));
    health.record_error("import", "no space");
    health.record_error("export", "no space");
    let errors = health.report().recent_errors;
    let kept: Vec<_> = errors.iter().map(|it| (&*it.source, it.count)).collect();
    assert_eq!(kept, [("export", 1), ("import", 2)]);
    assert_eq!(errors[1].time, errors[0].time);
}

#[test]
fn none_are_kept_when_none_are_asked_for() {
    let (builder, _clock) = builder();
    let health = builder.recent_errors(0).start().unwrap();
    health.record_error("import", "no space");
    assert_eq!(health.report().recent_errors, []);
}

#[test]
fn a_check_that_begins_to_fail_is_one_error_however_often_it_is_called() {
    let (builder, _clock) = builder();
    let health = builder.check(hangs("peer")).start().unwrap();
    eventually(&health, "peer", |check| check.timeouts >= 3);
    let errors = health.report().recent_errors;
    assert_eq!(errors.len(), 1);
    assert_eq!(&*errors[0].source, "peer");
    assert_eq!(
        (&*errors[0].message, errors[0].count),
        ("no answer within 10ms", 1)
    );
}

#[test]
fn secrets_are_taken_out_wherever_text_comes_from() {
    let (builder, _clock) = builder();
    let panics = counterfoil_health::from_fn(|| async { panic!("the key is hunter2") as Outcome });
    let health = builder
        .redact(NoHunter2)
        .check(finds(
            "answered",
            Outcome::unhealthy("login with hunter2 failed"),
        ))
        .check(Registration::new("panicked", panics))
        .start()
        .unwrap();
    health.record_error("hunter2", "hunter2 was refused");
    settled(&health);
    for path in counterfoil_health::Health::PATHS {
        for accept in [None, Some("text/html")] {
            let page = health.page(path, Some("verbose"), accept).unwrap();
            assert!(!page.body.contains("hunter2"), "{}", page.body);
        }
    }
    let health_page = health.page("/health", None, None).unwrap().body;
    assert_eq!(health_page.matches(REDACTED).count(), 6, "{health_page}");
}

#[test]
fn without_a_word_the_usual_redactor_is_at_work() {
    let (builder, _clock) = builder();
    let refused = "cannot reach postgres://orders:hunter2@db.example.com/orders";
    let health = builder
        .check(finds("database", Outcome::unhealthy(refused)))
        .start()
        .unwrap();
    let check = eventually(&health, "database", |check| check.runs > 0);
    let message = check.message.unwrap();
    assert!(
        message.contains(REDACTED) && !message.contains("hunter2"),
        "{message}"
    );
}

#[test]
fn a_message_that_is_too_long_is_cut_and_says_so() {
    let (builder, _clock) = builder();
    let health = builder
        .check(finds("wordy", Outcome::degraded("ä".repeat(10_000))))
        .start()
        .unwrap();
    let check = eventually(&health, "wordy", |check| check.status == Status::Degraded);
    let message = check.message.unwrap();
    assert!(message.len() <= Outcome::MAX_MESSAGE);
    assert!(message.ends_with("ä [cut]"));
}
