//! Crashes at every operation, with every loss that the model of the disk knows, and crashes while recovering from them.
//!
//! `cargo xtask crash --points N --seed S` runs as many as wanted, optimised; docs/operating/durability.md says what is
//! covered. `COUNTERFOIL_CRASH_POINTS` and `COUNTERFOIL_CRASH_SEED` say the same to this test.

mod chain;
mod explore;
mod life;
mod oracle;
mod planted;
mod world;

use std::env;
use std::time::Instant;

use explore::explore;
use life::{Script, live};
use oracle::Rule;
use planted::Bug;
use world::World;

fn figure(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}

#[test]
fn wherever_a_crash_comes_the_log_is_what_was_acknowledged_or_longer_and_goes_on() {
    let seed = figure("COUNTERFOIL_CRASH_SEED", 1);
    let points = figure("COUNTERFOIL_CRASH_POINTS", 200);
    let begun = Instant::now();
    let explored = explore(seed, points, Bug::None);
    let took = begun.elapsed().as_secs_f64();
    eprintln!(
        "seed {seed}: {} crash points in {} lives, {took:.1} s, {:.0} a second",
        explored.points,
        explored.lives,
        explored.points as f64 / took
    );
    for found in &explored.found {
        eprintln!("{found}");
    }
    assert!(explored.found.is_empty(), "see above");
}

#[test]
fn a_life_is_the_same_each_time_it_is_lived() {
    for seed in 0..12 {
        let lived = || {
            let mut rng = counterfoil_testkit::SeededRng::new(seed);
            let script = Script::draw(&mut rng, false);
            let run = live(World::empty(), &script, Bug::None);
            let moments: Vec<_> = run
                .moments
                .iter()
                .map(|moment| {
                    let left = moment.after_crash(&mut counterfoil_testkit::SeededRng::new(seed));
                    (
                        moment.log_bytes(life::DIR.as_ref()),
                        left.log_bytes(life::DIR.as_ref()),
                    )
                })
                .collect();
            let acks: Vec<_> = run.acks.iter().map(|ack| (ack.at, ack.link)).collect();
            (moments, acks, run.finished)
        };
        assert!(lived() == lived(), "seed {seed}");
    }
}

/// Explores with `bug` in the files until one of `rules` is seen broken. All that were, where none of them was.
fn caught(bug: Bug, rules: &[Rule]) -> Result<(), Vec<Rule>> {
    let mut others = Vec::new();
    for seed in 0..8 {
        for found in explore(seed * 1_000, 400, bug).found {
            let rule = found.violation.rule;
            if rules.contains(&rule) {
                return Ok(());
            }
            others.push(rule);
        }
    }
    Err(others)
}

#[test]
fn an_acknowledgement_before_the_sync_is_caught() {
    assert_eq!(caught(Bug::AckBeforeSync, &[Rule::Kept]), Ok(()));
}

#[test]
fn a_directory_that_is_not_synced_is_caught() {
    assert_eq!(caught(Bug::NoDirectorySync, &[Rule::Kept]), Ok(()));
}

#[test]
fn a_sync_that_is_retried_on_the_same_file_is_caught() {
    // Where the head over it was anchored as well, the second is broken first.
    let rules = [Rule::Kept, Rule::AnchorAfterSegment];
    assert_eq!(caught(Bug::SyncRetried, &rules), Ok(()));
}

#[test]
fn a_checkpoint_before_the_segment_is_caught() {
    let rules = [Rule::AnchorAfterSegment];
    assert_eq!(caught(Bug::CheckpointBeforeSegment, &rules), Ok(()));
}

#[test]
fn an_anchor_before_the_tiles_is_caught() {
    let rules = [Rule::AnchorAfterTiles];
    assert_eq!(caught(Bug::AnchorBeforeTiles, &rules), Ok(()));
}

#[test]
fn a_checkpoint_before_the_anchor_is_caught() {
    let rules = [Rule::CheckpointAfterAnchor];
    assert_eq!(caught(Bug::CheckpointBeforeAnchor, &rules), Ok(()));
}
