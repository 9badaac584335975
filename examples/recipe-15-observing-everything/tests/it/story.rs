//! The story holds: the fault is there, is found in all three layers, and goes.

use std::time::Duration;

use cookbook_recipe_15_observing_everything::story::{Findings, Latency, Plan, run, tell};
use counterfoil::LeaseId;

fn findings(plan: &Plan) -> Findings {
    run(plan, tempfile::tempdir().unwrap().path()).unwrap()
}

#[test]
fn renewing_at_99_percent_shows_the_same_expiries_in_all_three_layers() {
    let found = findings(&Plan::renewing_at(99));

    let spikes: Vec<_> = found.spikes().collect();
    assert_eq!(spikes.len(), 3);
    for spike in &spikes {
        assert!(spike.p99 >= Some(Latency::AtMost(0.5)), "{spike:?}");
        assert_eq!(spike.expired, 3);
    }
    for pair in spikes.windows(2) {
        assert_eq!(pair[1].start.since(pair[0].start), Duration::from_secs(300));
    }
    let counted: u64 = found.windows.iter().map(|window| window.expired).sum();
    assert_eq!(counted, 9, "no lease expires outside a spike");
    assert_eq!(found.renewed, 0);

    assert_eq!(found.overwritten, 0);
    let turnovers: Vec<_> = found
        .turnovers
        .iter()
        .map(|it| (it.expired, it.lease))
        .collect();
    let sealed: Vec<_> = found
        .expired
        .iter()
        .map(|it| (it.time, it.lease.unwrap()))
        .collect();
    assert_eq!(turnovers.len(), 9);
    assert_eq!(
        turnovers, sealed,
        "the ring and the chain tell of the same moments"
    );
    let of_seven: Vec<_> = turnovers
        .iter()
        .filter(|(_, lease)| *lease == LeaseId(7))
        .collect();
    for pair in of_seven.windows(2) {
        let apart = pair[1].0.since(pair[0].0);
        assert!(
            apart >= Duration::from_secs(300) && apart < Duration::from_secs(301),
            "{apart:?}"
        );
    }
    assert_eq!(found.around_first_spike.len(), 6);

    let kinds: Vec<_> = found
        .lease_records
        .iter()
        .map(|(kind, n)| (kind.as_str(), *n))
        .collect();
    assert_eq!(kinds, [("lease_allocated", 12), ("lease_expired", 9)]);
}

#[test]
fn renewing_at_70_percent_leaves_only_grants_and_renewals() {
    let found = findings(&Plan::renewing_at(70));
    assert_eq!(found.spikes().count(), 0);
    assert!(found.windows.iter().all(|window| window.expired == 0));
    assert!(found.turnovers.is_empty());
    assert!(found.expired.is_empty());
    assert_eq!(found.renewed, 12);
    let kinds: Vec<_> = found
        .lease_records
        .iter()
        .map(|(kind, n)| (kind.as_str(), *n))
        .collect();
    assert_eq!(kinds, [("lease_allocated", 3), ("lease_renewed", 12)]);
}

#[test]
fn without_the_delay_of_the_link_99_percent_is_just_in_time() {
    let mut plan = Plan::renewing_at(99);
    plan.one_way = Duration::ZERO;
    let found = findings(&plan);
    assert!(found.expired.is_empty());
    assert_eq!(found.renewed, 9);
}

#[test]
fn two_runs_of_a_plan_tell_the_same_story() {
    let mut plan = Plan::renewing_at(99);
    plan.length = Duration::from_secs(320);
    let told = [(); 2].map(|()| {
        let mut out = Vec::new();
        tell(&mut out, &plan, &findings(&plan)).unwrap();
        String::from_utf8(out).unwrap()
    });
    assert_eq!(told[0], told[1]);
    for line in told[0].lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_directory_that_holds_a_log_already_is_refused() {
    let mut plan = Plan::renewing_at(70);
    plan.length = Duration::from_secs(1);
    let directory = tempfile::tempdir().unwrap();
    run(&plan, directory.path()).unwrap();
    assert!(run(&plan, directory.path()).is_err());
}
