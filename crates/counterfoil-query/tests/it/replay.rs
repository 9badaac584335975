//! What is said of leases, how far it is vouched for, and what stays open.

use counterfoil_audit::verify::{Verdict, VerifyOptions};
use counterfoil_audit::{AuditEventData, AuditInput, ClockStepped, LogOpened, Outcome, Unclean};
use counterfoil_core::LeaseId;
use counterfoil_query::replay::{
    self, Cause, Change, Conflict, Held, History, Standing, State, Why,
};

use crate::lives::{Lives, at, event};

use Change::{Allocated, Expired, Preempted, Released, Renewed};

fn conflicts(history: &History) -> Vec<(u64, Conflict, Option<u64>)> {
    let each = history.contradictions.iter();
    each.map(|found| {
        let against = found.against.map(|place| place.seq);
        (found.place.seq, found.conflict, against)
    })
    .collect()
}

fn ids(held: &Held) -> Vec<(u64, bool)> {
    let each = held.leases.iter();
    each.map(|lease| (lease.lease.0, lease.is_certain()))
        .collect()
}

#[test]
fn a_history_has_the_lease_s_records_in_the_order_of_the_log() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7)
        .change(2, Allocated, 8)
        .change(3, Renewed, 7)
        .change(4, Released, 7);
    let history = log.history(7);
    let steps: Vec<_> = history
        .steps
        .iter()
        .map(|it| (it.step.place.seq, it.step.change, it.state))
        .collect();
    assert_eq!(
        steps,
        [
            (1, Some(Allocated), State::Held),
            (3, Some(Renewed), State::Held),
            (4, Some(Released), State::Ended(Released)),
        ]
    );
    assert_eq!(history.state, State::Ended(Released));
    assert_eq!(conflicts(&history), []);
    assert_eq!(history.uncertainties, []);
    assert_eq!(history.ground.report.verdict, Verdict::Valid);
}

#[test]
fn what_the_head_covers_is_anchored_and_what_comes_later_is_not_yet() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7)
        .change(2, Renewed, 7)
        .change(3, Released, 7);
    let history = log.history_to(7, Some(log.head(2)));
    let standings: Vec<_> = history.steps.iter().map(|step| step.standing).collect();
    assert_eq!(
        standings,
        [
            Standing::Anchored,
            Standing::Anchored,
            Standing::NotAnchoredYet
        ]
    );
    assert_eq!(history.standing, Standing::NotAnchoredYet);
}

#[test]
fn that_a_lease_is_still_held_stands_as_the_end_of_the_log_does() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7).change(2, Allocated, 8);
    let history = log.history_to(7, Some(log.head(1)));
    assert_eq!(history.steps[0].standing, Standing::Anchored);
    // A release could still be sealed in what no head covers yet.
    assert_eq!(
        (history.state, history.standing),
        (State::Held, Standing::NotAnchoredYet)
    );
}

#[test]
fn without_a_trusted_head_nothing_is_anchored() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7);
    let history = log.history_to(7, None);
    assert_eq!(history.ground.report.verdict, Verdict::Incomplete);
    assert_eq!(history.steps[0].standing, Standing::NotAnchoredYet);
}

#[test]
fn of_a_log_that_was_tampered_with_nothing_is_verified() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7)
        .change(2, Renewed, 7)
        .change(3, Released, 7);
    log.records.remove(1);
    let history = log.history_to(7, Some(log.head(2)));
    assert_eq!(history.ground.report.verdict, Verdict::Tampered);
    assert!(
        history
            .steps
            .iter()
            .all(|step| step.standing == Standing::NotVerified)
    );
    assert_eq!(history.standing, Standing::NotVerified);
}

#[test]
fn of_a_log_that_ends_before_the_head_nothing_is_verified() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7).change(2, Released, 7);
    let head = log.head(2);
    log.records.pop();
    let history = log.history_to(7, Some(head));
    assert_eq!(history.ground.report.verdict, Verdict::Incomplete);
    assert_eq!(history.steps[0].standing, Standing::NotVerified);
}

#[test]
fn a_lease_that_ends_twice_or_goes_on_after_its_end_is_a_contradiction() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7)
        .change(2, Released, 7)
        .change(3, Released, 7)
        .change(4, Allocated, 8)
        .change(5, Expired, 8)
        .change(6, Renewed, 8)
        .change(7, Preempted, 9);
    assert_eq!(
        conflicts(&log.history(7)),
        [(3, Conflict::AfterEnd(Released, Released), Some(2))]
    );
    let history = log.history(8);
    assert_eq!(
        conflicts(&history),
        [(6, Conflict::AfterEnd(Renewed, Expired), Some(5))]
    );
    // That it expired stands.
    assert_eq!(history.state, State::Ended(Expired));
    assert_eq!(
        conflicts(&log.history(9)),
        [(7, Conflict::NeverAllocated(Preempted), None)]
    );
}

#[test]
fn contradictions_beyond_the_most_that_are_listed_are_counted() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7);
    for _ in 0..replay::MAX_LISTED + 4 {
        log.change(2, Released, 7);
    }
    let history = log.history(7);
    assert_eq!(history.contradictions.len(), replay::MAX_LISTED);
    assert_eq!(history.contradictions_left_out, 3);
    let held = log.held(3);
    assert_eq!(held.contradictions.len(), replay::MAX_LISTED);
    assert_eq!(held.contradictions_left_out, 3);
}

#[test]
fn a_lease_that_is_granted_twice_is_a_contradiction() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7)
        .change(2, Allocated, 7)
        .change(3, Released, 7)
        .change(4, Allocated, 7);
    assert_eq!(
        conflicts(&log.history(7)),
        [
            (2, Conflict::AllocatedWhileHeld, Some(1)),
            (4, Conflict::AllocatedAgain, Some(3))
        ]
    );
}

#[test]
fn a_renewal_after_the_time_granted_is_a_contradiction() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7)
        .change(2, Renewed, 7)
        .change(63, Renewed, 7);
    assert_eq!(
        conflicts(&log.history(7)),
        [(3, Conflict::RenewedLate, Some(2))]
    );
}

#[test]
fn a_lease_that_wanders_to_another_node_is_a_contradiction() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7)
        .event(2, 1, &event(Released, 7, "node-b"));
    assert_eq!(
        conflicts(&log.history(7)),
        [(2, Conflict::NodeChanged, Some(1))]
    );
}

#[test]
fn a_record_that_occurred_before_one_that_was_sealed_earlier_is_a_contradiction() {
    let mut log = Lives::new();
    log.change(5, Allocated, 7)
        .event(3, 2, &event(Released, 7, "node-a"));
    assert_eq!(
        conflicts(&log.history(7)),
        [(2, Conflict::TimeRunsBack, Some(1))]
    );
}

#[test]
fn a_change_that_failed_is_none_and_one_with_an_unknown_outcome_leaves_it_open() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7);
    for (second, outcome) in [(2, Outcome::Failure), (3, Outcome::Unknown)] {
        let src = log.src(second, 1);
        let context =
            counterfoil_core::Context::new(counterfoil_core::WorkloadIdentity::tenant_only("acme"));
        let mut input = AuditInput::from_event(&event(Released, 7, "node-a"), &context, src);
        input.outcome = outcome;
        log.seal(&input);
    }
    log.change(9, Allocated, 8);
    assert_eq!(log.history(7).state, State::Held);
    assert_eq!(ids(&log.held(2)), [(7, true)]);
    let held = log.held(4);
    assert_eq!(held.leases[0].doubts, [Why::OutcomeUnknown]);
}

#[test]
fn a_loss_that_could_hide_a_record_is_named_with_its_stretch_of_time() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7);
    log.src(3, 1);
    log.declare(4, 1)
        .change(6, Released, 7)
        .change(7, Allocated, 8);
    let history = log.history(7);
    let [loss] = &history.uncertainties[..] else {
        panic!("{:?}", history.uncertainties);
    };
    assert!(matches!(
        loss.cause,
        Cause::Lost {
            first_n: 2,
            last_n: 2,
            declared: Some((_, 2)),
            ..
        }
    ));
    assert_eq!((loss.from, loss.to), (Some(at(1)), Some(at(4))));
    // Later leases are not touched by it.
    assert_eq!(log.history(8).uncertainties.len(), 1);
    assert!(matches!(
        log.history(8).uncertainties[0].cause,
        Cause::EndOfLog { seq: 4 }
    ));
}

#[test]
fn a_gap_is_one_stretch_whether_it_is_declared_before_or_after_the_next_record() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7);
    log.src(2, 1);
    log.src(3, 1);
    // Sealed before the loss is declared.
    log.change(4, Allocated, 8);
    let undeclared = log.history_to(7, None);
    assert_eq!(undeclared.uncertainties[0].cause.code(), "undeclared_gap");
    let lost = counterfoil_audit::RecordsLost {
        first_n: 2,
        last_n: 3,
        reason: counterfoil_audit::LossReason::Refused,
        src: "00000000000000a1/t1".parse().unwrap(),
    };
    let src = log.src(5, 0);
    log.seal(&AuditInput::new(AuditEventData::RecordsLost(lost), src));
    let declared = log.history_to(7, None);
    assert_eq!(declared.uncertainties[0].cause.code(), "records_lost");
    assert_eq!(
        (declared.uncertainties[0].from, declared.uncertainties[0].to),
        (Some(at(1)), Some(at(4)))
    );
    // The loss and the end of the log; nothing twice.
    assert_eq!(declared.uncertainties.len(), 2);
}

#[test]
fn a_contradiction_that_a_loss_could_explain_says_so() {
    let mut log = Lives::new();
    log.src(1, 1);
    log.declare(2, 1).change(3, Released, 7);
    assert!(log.history(7).contradictions[0].may_be_explained);
    let mut log = Lives::new();
    log.change(3, Released, 7);
    assert!(!log.history(7).contradictions[0].may_be_explained);
}

#[test]
fn an_unclean_end_and_a_clock_set_back_make_moments_uncertain() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7);
    let mut src = log.src(10, 0);
    src.id = "00000000000000a2/sealer".parse().unwrap();
    log.seal(&AuditInput::new(
        AuditEventData::LogOpened(opened_uncleanly()),
        src,
    ));
    let mut src = log.src(11, 0);
    src.id = "00000000000000a2/sealer".parse().unwrap();
    log.seal(&AuditInput::new(
        AuditEventData::ClockStepped(ClockStepped {
            delta_ns: -2_000_000_000,
            from: at(11),
            to: at(9),
        }),
        src,
    ));
    let history = log.history_to(7, None);
    let found: Vec<_> = history
        .uncertainties
        .iter()
        .map(|it| (it.cause.code(), it.from, it.to))
        .collect();
    assert_eq!(
        found,
        [
            ("unclean_end", Some(at(1)), Some(at(10))),
            ("clock_set_back", Some(at(9)), Some(at(11))),
            ("end_of_log", Some(at(11)), None),
        ]
    );
}

fn opened_uncleanly() -> LogOpened {
    LogOpened {
        anchor_interval_ms: 0,
        anchor_interval_records: 0,
        anchored_seq: None,
        epoch_ms: None,
        hash: counterfoil_audit::HashAlgorithm::Sha256,
        keys: Vec::new(),
        mode: counterfoil_audit::SigningMode::None,
        resumed_seq: 1,
        retention: counterfoil_audit::Retention {
            max_age_s: None,
            max_bytes: None,
        },
        software: "test".into(),
        unclean: Some(Unclean {
            bound_records: Some(16),
            instance: counterfoil_audit::Instance(0xa1),
            lanes: std::collections::BTreeMap::new(),
        }),
        unsealed_max: None,
    }
}

#[test]
fn a_moment_has_the_leases_that_were_granted_before_it_and_not_yet_over() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7)
        .change(2, Allocated, 8)
        .change(3, Released, 7)
        .change(4, Allocated, 9)
        .change(5, Renewed, 8)
        .change(6, Expired, 9);
    assert_eq!(ids(&log.held(0)), []);
    assert_eq!(ids(&log.held(1)), [(7, true)]);
    assert_eq!(ids(&log.held(2)), [(7, true), (8, true)]);
    assert_eq!(ids(&log.held(3)), [(8, true)]);
    assert_eq!(ids(&log.held(4)), [(8, true), (9, true)]);
    assert_eq!(ids(&log.held(6)), [(8, true)]);
}

#[test]
fn after_the_end_of_the_log_nobody_knows() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7);
    let held = log.held(2);
    assert_eq!(held.leases[0].doubts, [Why::EndMayBeMissing]);
    assert_eq!(held.uncertainties[0].cause, Cause::EndOfLog { seq: 1 });
    assert_eq!(log.held(1).leases[0].doubts, []);
}

#[test]
fn a_later_record_of_the_lease_dispels_the_doubt_that_a_loss_raises() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7).change(1, Allocated, 8);
    log.src(2, 1);
    log.declare(3, 1)
        .change(5, Renewed, 8)
        .change(6, Allocated, 9);
    let held = log.held(4);
    assert_eq!(ids(&held), [(7, false), (8, true)]);
    assert_eq!(held.leases[0].doubts, [Why::EndMayBeMissing]);
    assert_eq!(held.leases[1].next.map(|(change, _)| change), Some(Renewed));
}

#[test]
fn a_lease_that_no_record_grants_may_have_been_held_before_it_is_first_seen() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7).change(9, Released, 8);
    let held = log.held(5);
    let eight = &held.leases[1];
    assert_eq!((eight.lease, eight.since), (LeaseId(8), None));
    assert_eq!(eight.doubts, [Why::NeverAllocated]);
}

#[test]
fn a_set_stands_as_the_last_record_up_to_its_moment_does() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7)
        .change(2, Allocated, 8)
        .change(3, Allocated, 9);
    let head = log.head(2);
    assert_eq!(log.held_to(2, head.clone()).standing, Standing::Anchored);
    let later = log.held_to(3, head);
    assert_eq!(
        (later.as_of, later.standing),
        (Some(3), Standing::NotAnchoredYet)
    );
    // Lease 7 could have been given back in what is not covered.
    assert!(
        later
            .leases
            .iter()
            .all(|lease| lease.standing == Standing::NotAnchoredYet)
    );
}

#[test]
fn a_line_that_is_no_record_leaves_its_moments_open_and_the_rest_is_read() {
    let mut log = Lives::new();
    log.change(1, Allocated, 7)
        .change(2, Renewed, 7)
        .change(3, Released, 7);
    let file = log.file();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replacen("lease_renewed", "lease\\u005frenewed", 1),
    )
    .unwrap();
    let history = replay::history(&file, LeaseId(7), &VerifyOptions::new()).unwrap();
    assert_eq!(history.ground.report.verdict, Verdict::Tampered);
    assert_eq!(history.steps.len(), 2);
    assert!(
        history
            .uncertainties
            .iter()
            .any(|it| it.cause.code() == "unreadable_line")
    );
    assert_eq!(history.standing, Standing::NotVerified);
}
