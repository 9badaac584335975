//! Each condition, alone and with others.

use counterfoil_audit::AuditRecord;
use counterfoil_core::{LeaseId, Timestamp};
use counterfoil_query::{Filter, Next, Source};

use crate::support::{Chain, START};

fn records() -> Vec<AuditRecord> {
    let mut chain = Chain::new();
    (0..30)
        .map(|at| {
            let tenant = if at % 2 == 0 { "acme" } else { "globex" };
            chain.next(tenant, &format!("node-{}", at % 3), at / 2)
        })
        .collect()
}

fn found(filter: &Filter) -> Vec<u64> {
    let records = records();
    let met = records.iter().filter(|record| filter.matches(record));
    met.map(AuditRecord::seq).collect()
}

#[test]
fn without_a_condition_every_record_is_meant() {
    assert_eq!(found(&Filter::default()).len(), 30);
}

#[test]
fn numbers_and_times_are_inclusive_at_both_ends() {
    let mut filter = Filter::default();
    (filter.first, filter.last) = (Some(3), Some(5));
    assert_eq!(found(&filter), [3, 4, 5]);
    let mut filter = Filter::default();
    filter.since = Some(Timestamp::from_unix_seconds(START + 7));
    filter.until = Some(Timestamp::from_unix_seconds(START + 8));
    assert_eq!(found(&filter), [7, 8]);
}

#[test]
fn of_several_kinds_one_is_enough_and_of_several_keys_all_are_needed() {
    let mut filter = Filter::default();
    filter.kinds = vec!["lease_released".parse().unwrap()];
    assert_eq!(found(&filter), [3, 6, 9, 12, 15, 18, 21, 24, 27, 30]);
    filter.kinds.push("lease_allocated".parse().unwrap());
    assert_eq!(found(&filter).len(), 30);
    filter.lease = Some(LeaseId(4));
    assert_eq!(found(&filter), [9, 10]);
    filter.tenant = Some("acme".to_owned());
    assert_eq!(found(&filter), [9]);
    filter.node = Some("node-1".to_owned());
    assert_eq!(found(&filter), [] as [u64; 0]);
}

#[test]
fn a_principal_is_found_by_its_pseudonym_and_an_outcome_by_its_name() {
    let mut filter = Filter::default();
    filter.principal = Some("p-0".to_owned());
    assert_eq!(found(&filter), [5, 10, 15, 20, 25, 30]);
    filter.outcome = Some(counterfoil_audit::Outcome::Failure);
    assert_eq!(found(&filter), [] as [u64; 0]);
}

#[test]
fn a_source_gives_every_record_then_names_the_line_that_has_no_end() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let lines: Vec<u8> = records()
        .iter()
        .flat_map(|record| record.line().to_vec())
        .collect();
    std::fs::write(file.path(), &lines[..lines.len() - 1]).unwrap();
    let mut source = Source::open(file.path()).unwrap();
    for seq in 1..30 {
        match source.read().unwrap() {
            Next::Record(record) => assert_eq!(record.seq(), seq),
            other => panic!("{other:?}"),
        }
    }
    match source.read().unwrap() {
        Next::Unfinished { place } => assert!(place.starts_with("line 30 of "), "{place}"),
        other => panic!("{other:?}"),
    }
}
