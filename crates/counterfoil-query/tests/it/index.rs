//! An index finds what is in the log, whatever happens to either.

use std::fs;

use counterfoil_core::{LeaseId, Timestamp};
use counterfoil_query::index::Indexer;
use counterfoil_query::{ErrorKind, Filter, Search};
use proptest::prelude::*;

use crate::support::{Log, START, matching, numbers, segment};

fn lease(id: u64) -> Filter {
    let mut filter = Filter::default();
    filter.lease = Some(LeaseId(id));
    filter
}

/// A log of several segments with an index over all but its end, made in steps so that runs are merged.
fn indexed() -> Log {
    let mut log = Log::new();
    let mut indexer = None;
    for step in 0..20 {
        log.add(97 + step);
        let indexer = indexer.get_or_insert_with(|| Indexer::open(log.path()).unwrap());
        indexer.update(u64::MAX, 1).unwrap();
        if step % 5 == 4 {
            log.roll();
        }
    }
    log.add(50);
    log
}

fn runs(log: &Log) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(log.path().join("index")).unwrap().flatten();
    let mut runs: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "run"))
        .collect();
    runs.sort();
    runs
}

fn filters() -> impl Strategy<Value = Filter> {
    let text = |values: &'static [&'static str]| {
        prop::option::of(prop::sample::select(values).prop_map(str::to_owned))
    };
    let seq = || prop::option::weighted(0.3, 1..2300_u64);
    let time = || {
        prop::option::weighted(0.3, 0..2300_u64)
            .prop_map(|at| at.map(|at| Timestamp::from_unix_seconds(START + at)))
    };
    let kinds = prop::sample::subsequence(
        vec!["lease_released", "lease_allocated", "lease_renewed"],
        0..=2,
    );
    (
        (seq(), seq(), time(), time()),
        prop::option::weighted(0.3, 0..600_u64),
        text(&["acme", "ini\"tech", "nobody"]),
        text(&["node-1", "node-4"]),
        text(&["p-3"]),
        kinds,
    )
        .prop_map(
            |((first, last, since, until), lease, tenant, node, principal, kinds)| {
                let mut filter = Filter::default();
                (filter.first, filter.last) = (first, last);
                (filter.since, filter.until) = (since, until);
                filter.lease = lease.map(LeaseId);
                (filter.tenant, filter.node, filter.principal) = (tenant, node, principal);
                filter.kinds = kinds.iter().map(|kind| kind.parse().unwrap()).collect();
                filter
            },
        )
}

#[test]
fn with_the_index_a_search_finds_what_the_log_alone_says() {
    let log = indexed();
    assert!(runs(&log).len() < 12, "{:?}", runs(&log));
    let records = log.records();
    proptest!(ProptestConfig::with_cases(200), |(filter in filters())| {
        let there = matching(&records, &filter);
        prop_assert_eq!(&log.found(&filter), &there);
        let mut scan = Search::scan(log.path(), filter.clone()).unwrap();
        prop_assert_eq!(numbers(&mut scan), there);
    });
}

#[test]
fn a_run_with_any_byte_changed_leaves_nothing_out() {
    let log = indexed();
    let path = runs(&log)[0].clone();
    let whole = fs::read(&path).unwrap();
    let filters = [lease(3), lease(100), lease(400), Filter::default()];
    let there: Vec<_> = filters.iter().map(|filter| log.there(filter)).collect();
    for at in (0..whole.len()).step_by(whole.len() / 200) {
        let mut changed = whole.clone();
        changed[at] ^= 0x55;
        fs::write(&path, changed).unwrap();
        for (filter, there) in filters.iter().zip(&there) {
            assert_eq!(&log.found(filter), there, "byte {at}, {filter:?}");
        }
    }
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let mut search = Search::open(log.path(), lease(3)).unwrap();
    assert_eq!(numbers(&mut search), there[0]);
    assert_eq!(search.damaged(), 1);
}

#[test]
fn what_is_damaged_is_removed_and_built_again() {
    let log = indexed();
    let path = runs(&log)[0].clone();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    fs::write(log.path().join("index/new.tmp"), "half").unwrap();
    let mut indexer = Indexer::open(log.path()).unwrap();
    let indexed = indexer.update(u64::MAX, 1).unwrap();
    assert_eq!(
        indexed.up_to,
        *log.there(&Filter::default()).last().unwrap()
    );
    let mut search = Search::open(log.path(), lease(3)).unwrap();
    assert_eq!(numbers(&mut search), log.there(&lease(3)));
    assert_eq!(search.damaged(), 0);
    assert!(!log.path().join("index/new.tmp").exists());
}

#[test]
fn the_index_of_another_history_is_passed_over() {
    let (one, mut other) = (indexed(), Log::new());
    other.record();
    other.roll();
    let _skipped = other.record();
    let path = other.path().join("index");
    fs::create_dir(&path).unwrap();
    for run in runs(&one) {
        fs::copy(&run, path.join(run.file_name().unwrap())).unwrap();
    }
    other.roll();
    other.add(3000);
    let mut search = Search::open(other.path(), lease(300)).unwrap();
    assert_eq!(numbers(&mut search), other.there(&lease(300)));
    assert!(search.damaged() > 0);
}

#[test]
fn records_that_retention_took_are_passed_over_and_their_runs_removed() {
    let log = indexed();
    fs::remove_file(segment(log.path(), 1)).unwrap();
    for filter in [lease(3), lease(300), Filter::default()] {
        assert_eq!(log.found(&filter), log.there(&filter));
    }
    let mut indexer = Indexer::open(log.path()).unwrap();
    indexer.prune().unwrap();
    let first = log.there(&Filter::default())[0];
    let runs = runs(&log);
    let last: u64 = runs[0].file_stem().unwrap().to_str().unwrap()[21..]
        .parse()
        .unwrap();
    assert!(last >= first);
    indexer.clear().unwrap();
    let indexed = indexer.update(u64::MAX, 1).unwrap();
    assert_eq!(indexed.up_to, first - 1 + indexed.added);
    assert_eq!(log.found(&lease(300)), log.there(&lease(300)));
}

#[test]
fn an_index_covers_no_more_than_is_durable_and_waits_for_enough() {
    let mut log = Log::new();
    log.add(100);
    let mut indexer = Indexer::open(log.path()).unwrap();
    assert_eq!(indexer.update(30, 31).unwrap().up_to, 0);
    assert_eq!(indexer.update(30, 30).unwrap().up_to, 30);
    assert_eq!(indexer.update(30, 1).unwrap().added, 0);
    assert_eq!(indexer.update(u64::MAX, 1).unwrap().up_to, 100);
    let error = Indexer::open(log.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
}

#[test]
fn an_index_ends_before_a_malformed_line_and_a_search_shows_it() {
    let mut log = Log::new();
    log.add(10);
    log.append(b"{}\n");
    let mut indexer = Indexer::open(log.path()).unwrap();
    assert_eq!(indexer.update(u64::MAX, 1).unwrap().up_to, 10);
    let mut search = Search::open(log.path(), lease(1)).unwrap();
    let mut found = Vec::new();
    let why = loop {
        match search.read().unwrap() {
            counterfoil_query::Next::Record(record) => found.push(record.seq()),
            counterfoil_query::Next::Malformed { place, .. } => break place,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(found, [5, 6, 7, 8]);
    assert!(why.starts_with("line 11 of "), "{why}");
}
