//! A log cut off at every byte.

use counterfoil_audit::verify::Reason;

use super::subject::{
    EVERY_KIND, Expected, Kind, Recipe, Subject, VALID, absent, assert_found, judge, tampered,
};

/// What who keeps the head at `head` finds of a log that was cut behind `whole` lines and, it may be, within the next.
fn expected(subject: &Subject, whole: u64, torn: bool, head: u64) -> Expected {
    // A log that ends between its last two records owes the number that `producer_closed` gives to `log_closed`.
    let unclosed = !subject.recipe.kind.is_bare() && whole + 1 == subject.len();
    match (whole, torn) {
        (whole, _) if whole >= head && unclosed => (3, Some((Reason::Gap, whole))),
        (whole, true) if whole < head => tampered(Reason::Grammar, whole + 1),
        (whole, _) if whole >= head => VALID,
        (0, _) => (3, Some((Reason::Empty, 1))),
        (whole, _) => absent(whole + 1),
    }
}

fn every_byte(subject: &Subject, head: u64) -> u64 {
    let log = subject.bytes();
    let (mut whole, mut start) = (0, 0);
    for cut in 0..log.len() {
        if cut > 0 && log[cut - 1] == b'\n' {
            (whole, start) = (whole + 1, cut);
        }
        let report = judge(&log[..cut], Some(subject.anchor(head)), &subject.keys());
        let what = format!("{:?} cut at byte {cut}", subject.recipe.kind);
        assert_found(&what, &report, expected(subject, whole, cut > start, head));
    }
    log.len() as u64
}

#[test]
fn a_log_that_was_cut_off_at_any_byte_is_never_valid_to_its_head() {
    for kind in EVERY_KIND {
        every_byte(&Recipe::new(kind, 5).make(), 5);
    }
}

#[test]
fn a_cut_behind_the_head_takes_nothing_that_anybody_vouched_for() {
    every_byte(&Recipe::new(Kind::Checkpoints, 8).make(), 5);
}

#[test]
fn without_a_head_a_log_that_was_cut_off_is_incomplete_and_says_so() {
    let subject = Recipe::new(Kind::Checkpoints, 9).make();
    for kept in 1..8 {
        let report = subject.judge_alone(&subject.lines[..kept].concat());
        assert_found("cut", &report, (3, Some((Reason::NoHead, 0))));
    }
}

#[test]
#[ignore = "long: run by `cargo xtask tamper --long`"]
fn long_a_log_of_a_thousand_records_is_never_valid_when_cut_off_at_any_byte() {
    let cuts = every_byte(&Recipe::new(Kind::Checkpoints, 1_000).make(), 1_000);
    println!("tamper: {cuts} cuts of 1000 records, each told from the whole log");
}
