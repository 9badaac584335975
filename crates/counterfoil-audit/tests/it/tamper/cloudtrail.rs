//! The deletions that `aws cloudtrail validate-logs` misses or miscounts, done to a log of 24 segments as they were done to its 24
//! digests (docs/verify/tampering.md has both answers side by side).

use std::ops::Range;

use super::directory::Directory;
use super::subject::{Expected, Kind, VALID, absent, assert_found};

const HOURS: usize = 24;
const PER_HOUR: usize = 6;

/// Takes segments out; whoever keeps the head has to see every record that went with them.
fn without(hours: Range<usize>) -> (Expected, u64) {
    let log = Directory::new(Kind::Checkpoints, HOURS, PER_HOUR);
    log.remove(hours.clone());
    let report = log.judge();
    let expected = if hours.is_empty() {
        VALID
    } else {
        absent(log.first(hours.start))
    };
    let expected = if hours.len() == HOURS {
        (3, Some((counterfoil_audit::verify::Reason::Empty, 1)))
    } else {
        expected
    };
    assert_found(&format!("without hours {hours:?}"), &report, expected);
    (expected, log.subject.len() - report.records)
}

fn records(hours: usize) -> u64 {
    (hours * PER_HOUR) as u64
}

#[test]
fn nothing_deleted_is_valid() {
    assert_eq!(without(0..0), (VALID, 0));
}

#[test]
fn one_deleted_in_the_middle_is_found() {
    assert_eq!(without(11..12), (absent(67), records(1)));
}

#[test]
fn five_deleted_in_a_row_are_counted_as_five() {
    assert_eq!(without(9..14), (absent(55), records(5)));
}

#[test]
fn the_oldest_six_deleted_are_found() {
    assert_eq!(without(0..6), (absent(1), records(6)));
}

#[test]
fn the_newest_six_deleted_are_found() {
    assert_eq!(without(18..24), (absent(109), records(6)));
}

#[test]
fn all_deleted_is_not_nothing_to_complain_about() {
    assert_eq!(without(0..24).1, records(24));
}
