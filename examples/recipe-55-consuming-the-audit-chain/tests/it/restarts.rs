use std::cell::Cell;
use std::fs;
use std::time::Duration;

use cookbook_recipe_55_consuming_the_audit_chain::stand_in::InProcess;
use cookbook_recipe_55_consuming_the_audit_chain::{CollectorFeed, Feed, Stop};

use crate::place::Place;

#[test]
fn it_goes_on_where_it_was_after_a_restart_of_the_collector() {
    let mut place = Place::new();
    place.lose(7);
    let mut consumer = place.consumer();
    place.step(&mut consumer);
    let (data, other) = (place.at("collector"), place.at("for a moment"));
    let stopped = std::mem::replace(&mut place.collector, InProcess::start(&other).unwrap());
    stopped.stop();
    let stop = consumer.step(&place.feed, Duration::ZERO).unwrap_err();
    assert!(matches!(stop, Stop::Away(_)), "{stop}");

    place.collector = InProcess::start(&data).unwrap();
    let chain = place.producer.chain();
    place.feed = CollectorFeed::new(&place.collector.url(), chain, None).unwrap();
    place.lose(8);
    consumer.meet(&place.feed).unwrap();
    place.step(&mut consumer);
    assert_eq!(place.alerts(), ["7", "8"]);
}

#[test]
fn it_goes_on_where_it_was_after_a_restart_of_its_own() {
    let place = Place::new();
    place.lose(7);
    let mut consumer = place.consumer();
    place.step(&mut consumer);
    let kept = consumer.kept();
    drop(consumer);
    place.lose(8);
    let mut consumer = place.consumer();
    assert_eq!((consumer.kept(), consumer.acted()), (kept, kept));
    consumer.meet(&place.feed).unwrap();
    place.step(&mut consumer);
    assert_eq!(place.alerts(), ["7", "8"]);
}

/// Away at first, and then there.
struct Flaky<'a> {
    feed: &'a CollectorFeed,
    away: Cell<u32>,
    asked: Cell<u32>,
}

impl Feed for Flaky<'_> {
    fn after(&self, seq: u64, wait: Duration) -> Result<Vec<u8>, Stop> {
        self.asked.set(self.asked.get() + 1);
        match self.away.get().checked_sub(1) {
            Some(left) => {
                self.away.set(left);
                Err(Stop::Away("for a test".to_owned()))
            }
            None => self.feed.after(seq, wait),
        }
    }

    fn checkpoint(&self) -> Result<Option<String>, Stop> {
        self.feed.checkpoint()
    }
}

#[test]
fn following_tries_again_until_the_collector_is_there() {
    let place = Place::new();
    place.lose(7);
    let mut consumer = place.consumer();
    let flaky = Flaky {
        feed: &place.feed,
        away: Cell::new(1),
        asked: Cell::new(0),
    };
    let more = || flaky.asked.get() < 3;
    consumer.follow(&flaky, Duration::ZERO, more).unwrap();
    assert_eq!(place.alerts(), ["7"]);
}

/// An answer that was cut inside a line counts up to its last whole line.
struct Cut<'a>(&'a CollectorFeed);

impl Feed for Cut<'_> {
    fn after(&self, seq: u64, wait: Duration) -> Result<Vec<u8>, Stop> {
        let mut lines = self.0.after(seq, wait)?;
        lines.truncate(lines.len() * 2 / 3);
        Ok(lines)
    }

    fn checkpoint(&self) -> Result<Option<String>, Stop> {
        self.0.checkpoint()
    }
}

#[test]
fn a_line_that_is_not_whole_yet_comes_again() {
    let place = Place::new();
    place.lose(7);
    let mut consumer = place.consumer();
    // The checkpoint is over records that are yet to come, which is nothing against it.
    let taken = consumer.step(&Cut(&place.feed), Duration::ZERO).unwrap();
    assert!(taken.records > 0 && taken.acted_on == 0, "{taken:?}");
    place.step(&mut consumer);
    assert_eq!(place.alerts(), ["7"]);
}

#[test]
fn a_position_beyond_the_copy_is_refused() {
    let place = Place::new();
    place.lose(7);
    place.step(&mut place.consumer());
    fs::remove_dir_all(place.at("consumer").join("log")).unwrap();
    let opened = cookbook_recipe_55_consuming_the_audit_chain::Consumer::open(
        &place.at("consumer"),
        place.producer.chain().clone(),
        place.keys(),
        cookbook_recipe_55_consuming_the_audit_chain::AlertFiles::new(place.at("alerts")).unwrap(),
    );
    let error = opened.err().unwrap();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("restore it"), "{source}");
}
