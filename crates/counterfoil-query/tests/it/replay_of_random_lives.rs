//! Replay against a model of leases that knows everything.

use std::collections::BTreeMap;

use counterfoil_core::LeaseId;
use counterfoil_query::replay::{Change, State};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::lives::{Lives, event};

use Change::{Allocated, Expired, Preempted, Released, Renewed};

/// What the lot draws: which of the leases that are held (or a new one), what happens to it, on which lane, and whether its
/// record is lost.
#[derive(Clone, Copy, Debug)]
struct Draw {
    which: usize,
    change: usize,
    lane: u8,
    lost: bool,
}

fn draws(loss: f64) -> impl Strategy<Value = Vec<Draw>> {
    let draw = (
        any::<usize>(),
        0..6_usize,
        1..4_u8,
        prop::bool::weighted(loss),
    )
        .prop_map(|(which, change, lane, lost)| Draw {
            which,
            change,
            lane,
            lost,
        });
    vec(draw, 1..50)
}

/// The truth: the state of each lease after each second.
#[derive(Debug, Default)]
struct Model {
    now: BTreeMap<u64, State>,
    /// After each second.
    seconds: Vec<BTreeMap<u64, State>>,
    /// Seconds in which each lease changed.
    changes: BTreeMap<u64, Vec<(u64, Change)>>,
}

impl Model {
    fn held(&self, second: usize) -> Vec<u64> {
        let each = self.seconds[second].iter();
        each.filter(|(_, state)| **state == State::Held)
            .map(|(lease, _)| *lease)
            .collect()
    }

    /// At most five leases and their changes: each history reads the whole log.
    fn some(&self) -> impl Iterator<Item = (&u64, &Vec<(u64, Change)>)> {
        self.changes.iter().step_by(1 + self.changes.len() / 5)
    }

    /// A change that is possible now.
    fn next(&mut self, draw: Draw, second: u64) -> (Change, u64) {
        let held: Vec<u64> = self
            .now
            .iter()
            .filter(|(_, state)| **state == State::Held)
            .map(|(lease, _)| *lease)
            .collect();
        let new = self.now.len() as u64 + 1;
        let (change, lease) = match (
            [Renewed, Released, Expired, Preempted].get(draw.change),
            &*held,
        ) {
            (Some(change), [_, ..]) => (*change, held[draw.which % held.len()]),
            _ => (Allocated, new),
        };
        let state = if change.ends() {
            State::Ended(change)
        } else {
            State::Held
        };
        self.now.insert(lease, state);
        self.changes
            .entry(lease)
            .or_default()
            .push((second, change));
        (change, lease)
    }
}

/// Lives by lot: one change a second; a lost record takes its number and is declared at once, or at the end.
fn live(draws: &[Draw]) -> (Lives, Model) {
    let (mut log, mut model) = (Lives::new(), Model::default());
    model.seconds.push(BTreeMap::new());
    let mut undeclared: BTreeMap<u8, u64> = BTreeMap::new();
    for (index, draw) in draws.iter().enumerate() {
        let second = index as u64 + 1;
        let (change, lease) = model.next(*draw, second);
        if draw.lost {
            let n = log.src(second, draw.lane).n;
            undeclared.entry(draw.lane).or_insert(n);
        } else {
            if let Some(first) = undeclared.remove(&draw.lane) {
                log.declare_from(second, draw.lane, first);
            }
            log.event(second, draw.lane, &event(change, lease, "node-a"));
        }
        model.seconds.push(model.now.clone());
    }
    let end = draws.len() as u64 + 1;
    for (lane, first) in undeclared {
        log.declare_from(end, lane, first);
    }
    // So that the last second is within the log.
    log.event(end, 9, &event(Allocated, u64::MAX, "node-a"));
    (log, model)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_replayed_is_what_happened(draws in draws(0.0), second in any::<prop::sample::Index>()) {
        let (log, model) = live(&draws);
        for (lease, changes) in model.some() {
            let history = log.history(*lease);
            let replayed: Vec<_> = history.steps.iter().map(|it| (it.step.place.seq, it.step.change.unwrap())).collect();
            prop_assert_eq!(&replayed, changes);
            prop_assert_eq!(history.state, model.now[lease]);
            prop_assert!(history.contradictions.is_empty());
        }
        let second = second.index(model.seconds.len());
        let held = log.held(second as u64);
        let ids: Vec<u64> = held.leases.iter().map(|lease| lease.lease.0).collect();
        prop_assert_eq!(ids, model.held(second));
        prop_assert!(held.leases.iter().all(|lease| lease.is_certain()));
        prop_assert!(held.uncertainties.is_empty());
    }

    #[test]
    fn whatever_is_lost_a_certain_answer_is_true(draws in draws(0.3), second in any::<prop::sample::Index>()) {
        let (log, model) = live(&draws);
        let second = second.index(model.seconds.len());
        let truth = model.held(second);
        let held = log.held(second as u64);
        for lease in &held.leases {
            prop_assert!(
                !lease.is_certain() || truth.contains(&lease.lease.0),
                "{} is said to be held in second {}, and was not: {:?}", lease.lease, second, held
            );
        }
        for lease in truth {
            let is_listed = held.leases.iter().any(|it| it.lease == LeaseId(lease));
            prop_assert!(is_listed || !held.uncertainties.is_empty(), "lease {} is missing", lease);
        }
        for (lease, changes) in model.some() {
            let history = log.history(*lease);
            let complete = history.steps.len() == changes.len();
            prop_assert!(
                complete || !history.uncertainties.is_empty(),
                "the history of {} lacks a record and says nothing: {:?}", lease, history
            );
        }
    }
}
