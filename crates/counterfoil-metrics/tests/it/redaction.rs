//! Labels are sanitised before they become series.

use counterfoil_core::{Pseudonym, Pseudonymise, REDACTED, Redactor, Unredacted};
use counterfoil_metrics::Registry;
use metrics::{counter, describe_counter, with_local_recorder};

use crate::{at, counter as value, family};

counterfoil_core::instruments! {
    /// A table with labels that an application should not have.
    LOGINS: prefix "app.", labels ["email", "hash", "note", "principal"];

    /// Logins.
    DONE: Counter("app.logins", "{login}", ["email", "hash", "note"]);
    /// Acts.
    ACTS: Counter("app.acts", "{act}", ["principal"]);
}

fn redacted(labels: &str) -> String {
    labels.replace('#', REDACTED)
}

#[test]
fn a_secret_label_is_redacted_and_those_that_differ_in_it_only_share_a_series() {
    let registry = Registry::new();
    let logins = registry.family(&DONE);
    logins.with(&["a@example.com", "0f", "ok"]).add(1);
    logins.with(&["b@example.com", "1e", "ok"]).add(2);
    logins.with(&["", "", "token=abc"]).add(4);
    let snapshot = registry.snapshot(at(0));
    let total = |labels: &str| value(&snapshot, "app.logins", &redacted(labels));
    assert_eq!(total("email=#,hash=#,note=ok"), Some(3));
    assert_eq!(total("email=,hash=,note=token=#"), Some(4));
    assert_eq!(family(&snapshot, "app.logins").unwrap().series.len(), 2);
}

#[test]
fn what_is_counted_through_the_facade_is_redacted_too_names_and_descriptions_included() {
    let registry = Registry::new();
    let secret = ["ghp_", "0123456789abcdefghijABCDEFGHIJ012345"].concat();
    with_local_recorder(&registry, || {
        describe_counter!("orders", "told by bob@example.com");
        for round in 0..2 {
            counter!("orders", "password" => format!("p-{round}"), secret.clone() => "x")
                .increment(1);
        }
        counter!(format!("orders.{secret}")).increment(1);
    });
    let snapshot = registry.snapshot(at(0));
    let text = format!("{snapshot:?}");
    for secret in ["ghp_", "bob@", "p-0", "p-1"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert_eq!(
        value(&snapshot, "orders", &redacted("#=x,password=#")),
        Some(2)
    );
    assert_eq!(value(&snapshot, "orders.[REDACTED]", ""), Some(1));
}

#[test]
fn figures_that_are_kept_elsewhere_are_redacted_too() {
    let registry = Registry::new();
    let _observed = registry.observe(|out| {
        out.counter(&DONE, &["a@example.com", "", ""], 1);
        out.counter(&DONE, &["b@example.com", "", ""], 2);
    });
    for _ in 0..2 {
        let snapshot = registry.snapshot(at(0));
        let labels = redacted("email=#,hash=,note=");
        assert_eq!(value(&snapshot, "app.logins", &labels), Some(3));
        assert_eq!(family(&snapshot, "app.logins").unwrap().series.len(), 1);
    }
}

#[derive(Debug)]
struct Shout;

impl Pseudonymise for Shout {
    fn pseudonym(&self, principal: &str) -> Pseudonym {
        Pseudonym::assume(&principal.to_uppercase())
    }
}

#[test]
fn a_principal_is_counted_under_its_pseudonym() {
    let policy = Redactor::builder().pseudonyms(Shout).build();
    let registry = Registry::builder().redact(policy).build();
    registry.family(&ACTS).with(&["bob"]).add(1);
    let snapshot = registry.snapshot(at(0));
    assert_eq!(value(&snapshot, "app.acts", "principal=BOB"), Some(1));
}

#[test]
fn whoever_asks_for_it_by_name_sees_everything() {
    let registry = Registry::builder().redact(Unredacted).build();
    registry.family(&ACTS).with(&["bob"]).add(1);
    let snapshot = registry.snapshot(at(0));
    assert_eq!(value(&snapshot, "app.acts", "principal=bob"), Some(1));
}
