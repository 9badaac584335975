//! Values that log while they are recorded. Only under the subscriber of a process can events come from within, so this has a
//! process of its own.

use std::process::Command;

use counterfoil::{Attribute, trace};
use tracing::{info, info_span};
use tracing_subscriber::layer::SubscriberExt;

use super::support::{Page, builder};

#[test]
fn a_value_that_logs_while_it_is_recorded_in_the_span_of_its_own_does_not_deadlock() {
    let child = ["--exact", "tracing::from_within::child", "--ignored"];
    let output = Command::new(std::env::current_exe().unwrap())
        .args(child)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 passed"), "{said}");
}

struct Talkative;

impl std::fmt::Debug for Talkative {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        info!("from within");
        f.write_str("talkative")
    }
}

/// Not a test of its own: the process that the test above starts.
#[test]
#[ignore = "started by the test of this module"]
fn child() {
    let page = Page::default();
    let lines = page.lines(trace::LogFormat::Json);
    let pipeline = builder().0.log_lines(lines).spans(8).build();
    let subscriber = tracing_subscriber::registry().with(pipeline.layer());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let span = info_span!("outer", late = tracing::field::Empty);
    span.in_scope(|| {
        span.record("late", tracing::field::debug(Talkative));
        info!(now = ?Talkative, "event");
    });
    drop(span);
    let span = &pipeline.drain_spans(8)[0];
    assert_eq!(span.attributes, [Attribute::new("late", "talkative")]);
    assert_eq!(pipeline.counts().nested, 1);
    assert_eq!(page.json().len(), 2);
}
