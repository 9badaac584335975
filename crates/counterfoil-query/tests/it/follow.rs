//! A search goes on as its log grows.

use std::fs;

use counterfoil_core::LeaseId;
use counterfoil_query::index::Indexer;
use counterfoil_query::{Filter, Next, Search};

use crate::support::{Log, numbers};

#[test]
fn what_is_written_after_the_end_comes_next_across_segments() {
    let mut log = Log::new();
    log.add(10);
    let mut search = Search::open(log.path(), Filter::default()).unwrap();
    assert_eq!(numbers(&mut search).len(), 10);
    log.add(5);
    log.roll();
    log.add(3);
    log.roll();
    log.add(2);
    assert_eq!(numbers(&mut search), (11..=20).collect::<Vec<_>>());
    assert!(matches!(search.read().unwrap(), Next::End));
}

#[test]
fn a_line_that_is_being_written_comes_once_it_is_whole() {
    let mut log = Log::new();
    log.add(2);
    let record = log.record();
    let (half, rest) = record.line().split_at(100);
    log.append(half);
    let mut search = Search::open(log.path(), Filter::default()).unwrap();
    assert_eq!(numbers(&mut search), [1, 2]);
    assert!(matches!(search.read().unwrap(), Next::Unfinished { .. }));
    log.append(rest);
    assert_eq!(numbers(&mut search), [3]);
}

#[test]
fn an_end_that_recovery_takes_away_is_read_again() {
    let mut log = Log::new();
    log.add(6);
    let kept = fs::read(crate::support::segment(log.path(), 1)).unwrap();
    let mut search = Search::open(log.path(), Filter::default()).unwrap();
    let record = log.record();
    log.append(&record.line()[..50]);
    assert_eq!(numbers(&mut search).len(), 6);
    fs::write(crate::support::segment(log.path(), 1), &kept).unwrap();
    log.append(record.line());
    assert_eq!(numbers(&mut search), [7]);
}

#[test]
fn a_search_that_ended_at_a_number_is_extended() {
    let mut log = Log::new();
    log.add(100);
    Indexer::open(log.path()).unwrap().update(60, 1).unwrap();
    for lease in [None, Some(LeaseId(10))] {
        let mut filter = Filter::default();
        (filter.last, filter.lease) = (Some(42), lease);
        let mut search = Search::open(log.path(), filter.clone()).unwrap();
        let mut found = numbers(&mut search);
        for last in [43, 43, 55, 70, 100] {
            search.extend_to(last);
            found.extend(numbers(&mut search));
        }
        filter.last = None;
        assert_eq!(found, log.there(&filter));
    }
}

#[test]
fn a_search_is_extended_over_a_run_that_turns_out_to_be_damaged() {
    let mut log = Log::new();
    log.add(100);
    Indexer::open(log.path())
        .unwrap()
        .update(u64::MAX, 1)
        .unwrap();
    let run = log
        .path()
        .join("index/00000000000000000001-00000000000000000100.run");
    let mut bytes = fs::read(&run).unwrap();
    bytes[0] ^= 0x55;
    fs::write(&run, bytes).unwrap();
    let mut filter = Filter::default();
    (filter.last, filter.node) = (Some(42), Some("node-1".to_owned()));
    let mut search = Search::open(log.path(), filter.clone()).unwrap();
    let mut found = numbers(&mut search);
    search.extend_to(100);
    found.extend(numbers(&mut search));
    filter.last = None;
    assert_eq!(found, log.there(&filter));
}

#[test]
fn segments_that_retention_takes_before_a_search_reaches_them_are_passed_over() {
    let mut log = Log::new();
    for _ in 0..4 {
        log.add(10);
        log.roll();
    }
    let mut search = Search::open(log.path(), Filter::default()).unwrap();
    assert!(matches!(search.read().unwrap(), Next::Record(_)));
    for first in [1, 11] {
        fs::remove_file(crate::support::segment(log.path(), first)).unwrap();
    }
    // What was open is read to its end.
    let there: Vec<_> = (2..=10).chain(21..=40).collect();
    assert_eq!(numbers(&mut search), there);
}
