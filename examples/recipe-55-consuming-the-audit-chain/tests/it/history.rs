//! Collectors that do not serve what they served before, or not what the producer sealed.

use std::fs;
use std::time::Duration;

use cookbook_recipe_55_consuming_the_audit_chain::stand_in::{InProcess, Producer};
use cookbook_recipe_55_consuming_the_audit_chain::{
    AlertFiles, CollectorFeed, Consumer, Feed, Stop,
};

use crate::place::{LOG, Place};

/// Serves what the collector has, changed.
struct Lying<'a> {
    feed: &'a CollectorFeed,
    change: fn(String) -> String,
    note: Option<String>,
}

impl Feed for Lying<'_> {
    fn after(&self, seq: u64, wait: Duration) -> Result<Vec<u8>, Stop> {
        let lines = String::from_utf8(self.feed.after(seq, wait)?).unwrap();
        Ok((self.change)(lines).into_bytes())
    }

    fn checkpoint(&self) -> Result<Option<String>, Stop> {
        match &self.note {
            Some(note) => Ok(Some(note.clone())),
            None => self.feed.checkpoint(),
        }
    }
}

/// The consumer refuses, keeps what was served, and has acted on nothing more.
fn refused(place: &Place, consumer: &mut Consumer<AlertFiles>, feed: &impl Feed) -> String {
    let stop = consumer
        .meet(feed)
        .and_then(|()| consumer.step(feed, Duration::ZERO));
    let Err(Stop::OtherHistory { why, evidence }) = stop else {
        panic!("{stop:?}");
    };
    assert!(evidence.starts_with(place.at("consumer").join("evidence")));
    assert!(fs::metadata(evidence).is_ok());
    why
}

#[test]
fn a_line_that_was_changed_is_refused_and_kept_as_evidence() {
    let place = Place::new();
    place.lose(7);
    let lying = Lying {
        feed: &place.feed,
        change: |lines| lines.replace("\"lease\":\"7\"", "\"lease\":\"8\""),
        note: None,
    };
    let mut consumer = place.consumer();
    let why = refused(&place, &mut consumer, &lying);
    assert!(why.contains("hash"), "{why}");
    assert!(place.alerts().is_empty());
    // What came before is kept, and the true history goes on from there.
    place.step(&mut consumer);
    assert_eq!(place.alerts(), ["7"]);
}

#[test]
fn a_record_that_is_left_out_is_refused() {
    let place = Place::new();
    place.lose(7);
    let lying = Lying {
        feed: &place.feed,
        change: |lines| {
            let kept = lines
                .split_inclusive('\n')
                .filter(|line| !line.contains("lease_allocated"));
            kept.collect()
        },
        note: None,
    };
    refused(&place, &mut place.consumer(), &lying);
    assert!(place.alerts().is_empty());
}

#[test]
fn a_collector_that_has_less_than_it_has_shown_is_refused() {
    let place = Place::new();
    place.lose(7);
    let mut consumer = place.consumer();
    place.step(&mut consumer);
    let lying = Lying {
        feed: &place.feed,
        change: |_| String::new(),
        note: None,
    };
    let why = refused(&place, &mut consumer, &lying);
    assert!(why.contains("has it no more"), "{why}");
}

/// The same chain id, another producer, at another collector: everything in it fits itself.
fn impostor(place: &Place) -> (InProcess, CollectorFeed, Producer) {
    let collector = InProcess::start(&place.at("impostor")).unwrap();
    let forger = Producer::new(&place.at("forger"), LOG).unwrap();
    for lease in 100..110 {
        forger.lose(lease).unwrap();
    }
    let feed = CollectorFeed::new(&collector.url(), forger.chain(), None).unwrap();
    forger.sign_and_ship(&collector.url(), &feed).unwrap();
    (collector, feed, forger)
}

#[test]
fn another_history_under_the_same_name_is_refused_by_the_record_that_was_shown() {
    let place = Place::new();
    place.lose(7);
    let mut consumer = place.consumer();
    place.step(&mut consumer);
    let (_collector, feed, _forger) = impostor(&place);
    refused(&place, &mut consumer, &feed);
    assert_eq!(place.alerts(), ["7"]);
}

#[test]
fn another_history_from_the_beginning_is_refused_by_the_key() {
    let place = Place::new();
    let (_collector, feed, _forger) = impostor(&place);
    refused(&place, &mut place.consumer(), &feed);
    assert!(place.alerts().is_empty());
}

#[test]
fn a_checkpoint_that_is_not_the_producers_is_refused() {
    let place = Place::new();
    place.lose(7);
    let (_collector, feed, _forger) = impostor(&place);
    let lying = Lying {
        feed: &place.feed,
        change: |lines| lines,
        note: feed.checkpoint().unwrap(),
    };
    // Over more records than there are here it would be for later.
    for lease in 8..30 {
        place.producer.lose(lease).unwrap();
    }
    place.producer.ship(&place.collector.url()).unwrap();
    refused(&place, &mut place.consumer(), &lying);
    assert!(place.alerts().is_empty());
}
