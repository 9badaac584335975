use std::fs;
use std::time::Duration;

use cookbook_recipe_55_consuming_the_audit_chain::{Action, AlertFiles, Consumer, Result, Stop};
use counterfoil::audit::AuditRecord;
use counterfoil::audit::verify::{Verdict, VerifyOptions, verify_path};
use counterfoil::signer::Keyring;

use crate::place::Place;

#[test]
fn a_lease_that_ran_out_is_acted_on_once() {
    let place = Place::new();
    place.lose(7);
    place.lose(8);
    let mut consumer = place.consumer();
    let taken = place.step(&mut consumer);
    assert_eq!(taken.acted_on, 2);
    assert_eq!(place.alerts(), ["7", "8"]);
    assert_eq!(place.step(&mut consumer).acted_on, 0);
    assert_eq!(place.alerts(), ["7", "8"]);
}

#[test]
fn nothing_is_acted_on_before_the_producer_has_signed_it() {
    let place = Place::new();
    place.producer.lose(7).unwrap();
    place.producer.ship(&place.collector.url()).unwrap();
    let mut consumer = place.consumer();
    let taken = place.step(&mut consumer);
    assert!(taken.records >= 3 && taken.acted_on == 0, "{taken:?}");
    assert!(place.alerts().is_empty());

    let url = place.collector.url();
    place.producer.sign_and_ship(&url, &place.feed).unwrap();
    assert_eq!(place.step(&mut consumer).acted_on, 1);
    assert_eq!(place.alerts(), ["7"]);
}

#[test]
fn without_a_key_the_collector_is_believed_at_once() {
    let place = Place::new();
    place.producer.lose(7).unwrap();
    place.producer.ship(&place.collector.url()).unwrap();
    let alerts = AlertFiles::new(place.at("alerts")).unwrap();
    let chain = place.producer.chain().clone();
    let mut consumer =
        Consumer::open(&place.at("consumer"), chain, Keyring::new(), alerts).unwrap();
    assert_eq!(place.step(&mut consumer).acted_on, 1);
}

#[test]
fn what_is_kept_is_a_log_that_verifies() {
    let place = Place::new();
    place.lose(7);
    let mut consumer = place.consumer();
    place.step(&mut consumer);
    let kept = consumer.kept();
    drop(consumer);
    let keys = place.keys();
    let mut options = VerifyOptions::new();
    options.keys = &keys;
    let report = verify_path(&place.at("consumer").join("log"), &options);
    assert_eq!(report.verdict, Verdict::Valid, "{report:?}");
    assert_eq!(report.trusted.map(|head| head.seq), Some(kept));
}

/// As after a crash between the alert and the note that it was made.
#[test]
fn what_is_done_again_takes_effect_once() {
    let place = Place::new();
    place.lose(7);
    let mut consumer = place.consumer();
    place.step(&mut consumer);
    let before = fs::read(one(&place)).unwrap();
    drop(consumer);
    fs::remove_file(place.at("consumer").join("acted")).unwrap();

    let consumer = place.consumer();
    assert_eq!(consumer.acted(), consumer.kept());
    assert_eq!(
        (place.alerts(), fs::read(one(&place)).unwrap()),
        (vec!["7".to_owned()], before)
    );
}

fn one(place: &Place) -> std::path::PathBuf {
    let mut alerts = fs::read_dir(place.at("alerts")).unwrap();
    alerts.next().unwrap().unwrap().path()
}

/// An action that cannot be done now: what was kept is acted on by the next process.
#[test]
fn what_was_kept_and_not_acted_on_is_acted_on_later() {
    let place = Place::new();
    place.lose(7);
    let chain = place.producer.chain().clone();
    let directory = place.at("consumer");
    let mut failing = Consumer::open(&directory, chain, place.keys(), Failing).unwrap();
    let stop = failing.step(&place.feed, Duration::ZERO).unwrap_err();
    assert!(matches!(stop, Stop::Failed(_)), "{stop}");
    assert!(failing.kept() > 0 && failing.acted() == 0);
    drop(failing);

    place.consumer();
    assert_eq!(place.alerts(), ["7"]);
}

struct Failing;

impl Action for Failing {
    fn lease_expired(&mut self, _: &str, _: &AuditRecord) -> Result<()> {
        Err("the ticket system is away".into())
    }
}
