//! Crashes at every operation, and disks that fail: nothing acknowledged is missing or changed.

use std::path::Path;

use counterfoil_audit::replica::Replica;
use counterfoil_audit::{ErrorKind, Retention};
use counterfoil_core::Timestamp;
use counterfoil_testkit::SeededRng;
use counterfoil_testkit::files::{Failure, Faults, MemFiles};

use super::support::{chain, offer, on};
use crate::tamper::subject::Subject;

const DIR: &str = "/log";
/// How many lives are lived; set higher to look longer.
const LIVES: &str = "COUNTERFOIL_TEST_REPLICA_LIVES";

fn lives(usual: u64) -> u64 {
    std::env::var(LIVES).map_or(usual, |lives| lives.parse().unwrap())
}

fn open_on(files: &MemFiles, subject: &Subject) -> Replica {
    let chain = subject.recipe.id.parse().unwrap();
    Replica::open(Path::new(DIR), chain, on(files, subject)).unwrap()
}

/// What was acknowledged when: after so many operations, up to this record; and what was pruned by then at most.
type Acks = Vec<(u64, u64)>;

/// Offers, syncs, publishes and prunes by lot; records up to which each moment had acknowledged.
fn live(files: &MemFiles, subject: &Subject, rng: &mut SeededRng, prunes: bool) -> Acks {
    let mut acks = Vec::new();
    let mut replica = open_on(files, subject);
    while replica.seq() < subject.len() {
        let at = replica.seq();
        let next = (at + 1 + rng.below(200)).min(subject.len());
        offer(&mut replica, subject, at + 1, next);
        if rng.below(3) > 0 {
            let durable = replica.sync().unwrap();
            acks.push((files.operations(), durable));
        }
        if rng.below(3) == 0 {
            replica.checkpoint(&subject.checkpoint(next)).unwrap();
            replica.publish().unwrap();
        }
        if prunes && rng.below(3) == 0 {
            let retention = Retention {
                max_age_s: None,
                max_bytes: Some(150_000),
            };
            let now = Timestamp::from_unix_seconds(1_800_000_000);
            replica.prune(&retention, now).unwrap();
        }
    }
    replica.close().unwrap();
    acks
}

/// Opens what a crash left and goes on to the end; everything acknowledged has to be there as it was.
fn judge(files: &MemFiles, subject: &Subject, acknowledged: u64, pruned: bool) {
    let mut replica = open_on(files, subject);
    let found = replica.seq();
    assert!(found >= acknowledged, "{found} of {acknowledged}");
    let whole = subject.bytes();
    if found < subject.len() {
        offer(&mut replica, subject, found + 1, subject.len());
    }
    assert_eq!(replica.sync().unwrap(), subject.len());
    assert_eq!(replica.head(), Some(subject.head(subject.len())));
    replica
        .checkpoint(&subject.checkpoint(subject.len()))
        .unwrap();
    replica.close().unwrap();
    let kept = files.log_bytes(Path::new(DIR));
    if pruned {
        assert!(whole.ends_with(&kept) && !kept.is_empty());
    } else {
        assert!(whole == kept);
    }
    // Nothing of it waits for another sync.
    let stable = files.after_power_failure();
    assert!(stable.log_bytes(Path::new(DIR)) == kept);
}

fn explore(seed: u64, prunes: bool, crash: impl Fn(&MemFiles, &mut SeededRng) -> MemFiles) {
    let mut rng = SeededRng::new(seed);
    let (files, subject) = (MemFiles::default(), chain(900));
    files.record();
    let acks = live(&files, &subject, &mut rng, prunes);
    let moments = files.moments();
    let step = 1 + rng.below(7) as usize;
    for (operations, moment) in moments
        .iter()
        .enumerate()
        .skip(rng.below(7) as usize)
        .step_by(step)
    {
        let done = acks.iter().take_while(|(at, _)| *at <= operations as u64);
        let acknowledged = done.last().map_or(0, |(_, seq)| *seq);
        let left = crash(moment, &mut rng);
        judge(&left, &subject, acknowledged, prunes);
    }
}

#[test]
fn power_failures_at_any_operation_lose_nothing_that_was_acknowledged() {
    for seed in 0..lives(4) {
        explore(seed, false, |moment, rng| moment.after_crash(rng));
    }
}

#[test]
fn a_power_failure_while_segments_are_pruned_leaves_a_replica_that_opens() {
    for seed in 0..lives(4) {
        explore(seed, true, |moment, rng| moment.after_crash(rng));
    }
}

#[test]
fn kill_at_any_operation_loses_nothing_even_if_write_back_fails_unheard() {
    for seed in 0..lives(3) {
        explore(seed, false, |moment, _| moment.after_kill());
        explore(seed, false, MemFiles::after_kill_unheard);
    }
}

#[test]
fn a_failing_disk_acknowledges_nothing_that_it_does_not_have() {
    let subject = chain(900);
    for seed in 0..lives(30) {
        let mut rng = SeededRng::new(seed);
        let files = MemFiles::default();
        let mut replica = open_on(&files, &subject);
        let mut acknowledged = 0;
        let mut failures = 0;
        while replica.seq() < subject.len() || acknowledged < subject.len() {
            let failure = Failure::ALL[rng.below(4) as usize];
            let from = files.calls() + rng.below(12);
            files.set(Faults {
                at: Some((from, from + 1 + rng.below(6), failure)),
                reverts: rng.below(2) == 0,
                seed,
                ..Faults::default()
            });
            let at = replica.seq();
            let next = (at + 1 + rng.below(120)).min(subject.len());
            if at < next {
                let offered = replica.offer(&subject.lines[at as usize..next as usize].concat());
                assert!(offered.is_ok() || failures > 0);
            }
            match replica.sync() {
                Ok(durable) => {
                    acknowledged = durable;
                    assert_eq!(durable, replica.seq());
                }
                Err(error) => {
                    failures += 1;
                    assert_eq!(
                        error.kind() == ErrorKind::NoSpace,
                        failure == Failure::Full,
                        "{error}"
                    );
                }
            }
            if rng.below(6) == 0 {
                files.set(Faults::default());
                judge(&files.after_crash(&mut rng), &subject, acknowledged, false);
            }
        }
        drop(replica);
        files.set(Faults::default());
        judge(&files.after_power_failure(), &subject, acknowledged, false);
    }
}

#[test]
fn a_full_disk_is_told_and_everything_goes_on_once_there_is_room() {
    let subject = chain(300);
    let files = MemFiles::default();
    let mut replica = open_on(&files, &subject);
    offer(&mut replica, &subject, 1, 50);
    replica.sync().unwrap();
    files.set(Faults {
        space: Some(1_000),
        ..Faults::default()
    });
    offer(&mut replica, &subject, 51, 100);
    assert_eq!(replica.sync().unwrap_err().kind(), ErrorKind::NoSpace);
    assert_eq!((replica.durable(), replica.seq()), (50, 100));
    let error = replica.offer(&subject.lines[100]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert_eq!(
        replica.stored_line(75).unwrap().as_ref(),
        Some(&subject.lines[74])
    );
    assert_eq!(replica.sync().unwrap_err().kind(), ErrorKind::NoSpace);
    files.set(Faults::default());
    assert_eq!(replica.sync().unwrap(), 100);
    offer(&mut replica, &subject, 101, 300);
    assert_eq!(replica.sync().unwrap(), 300);
    judge(&files.after_power_failure(), &subject, 300, false);
}
