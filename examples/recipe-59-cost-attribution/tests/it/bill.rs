use std::fs;

use cookbook_recipe_59_cost_attribution::{Account, Bill, Period, Usage, VerifiedLog};
use counterfoil::ResourceType;

use crate::log::{Desk, at, who};

fn of<'a>(bill: &'a Bill, tenant: &str, tag: Option<&str>) -> &'a Usage {
    let account = Account {
        tenant: Some(tenant.to_owned()),
        tag: tag.map(str::to_owned),
        resource: ResourceType::Mem,
    };
    bill.usage
        .get(&account)
        .unwrap_or_else(|| panic!("{account:?} is not in {bill:?}"))
}

#[test]
fn a_lease_costs_its_size_times_its_time() {
    let desk = Desk::new();
    let acme = who("acme", Some("search/batch"));
    desk.grant(&acme, 1, 1_000);
    desk.pass(10);
    desk.release(&acme, 1);
    let (bill, _) = desk.billed(Period::ALL);
    let usage = of(&bill, "acme", Some("search/batch"));
    assert_eq!((usage.acquired, usage.released, usage.held), (1, 1, 0));
    assert_eq!(usage.byte_seconds(), "10000.000000000");
}

#[test]
fn what_is_still_held_is_charged_up_to_the_last_record() {
    let desk = Desk::new();
    desk.grant(&who("acme", None), 1, 1_000);
    desk.pass(7);
    desk.grant(&who("globex", None), 2, 1);
    let (bill, _) = desk.billed(Period::ALL);
    let usage = of(&bill, "acme", None);
    assert_eq!(
        (usage.held, usage.byte_seconds().as_str()),
        (1, "7000.000000000")
    );
}

#[test]
fn a_period_is_charged_for_what_lies_within_it() {
    let desk = Desk::new();
    let acme = who("acme", None);
    desk.grant(&acme, 1, 100);
    desk.pass(100);
    desk.release(&acme, 1);
    desk.grant(&acme, 2, 1);
    for (since, until, seconds, acquired, released, held) in [
        (0, 40, 40, 1, 0, 1),
        (40, 60, 20, 0, 0, 1),
        (60, 101, 40, 1, 1, 1),
    ] {
        let period = Period {
            since: at(since),
            until: at(until),
        };
        let (bill, _) = desk.billed(period);
        let usage = of(&bill, "acme", None);
        assert_eq!(usage.byte_seconds(), format!("{}.000000000", seconds * 100));
        let counts = (usage.acquired, usage.released, usage.held);
        assert_eq!(
            counts,
            (acquired, released, held),
            "from {since} to {until}"
        );
    }
}

#[test]
fn whoever_was_granted_a_lease_pays_for_it() {
    let desk = Desk::new();
    desk.grant(&who("acme", None), 1, 100);
    desk.pass(1);
    // A janitor of the platform ends it.
    desk.release(&who("platform", None), 1);
    let (bill, _) = desk.billed(Period::ALL);
    assert_eq!(of(&bill, "acme", None).released, 1);
    assert_eq!(bill.usage.len(), 1);
}

#[test]
fn a_lease_that_is_granted_again_is_charged_up_to_then_and_said() {
    let desk = Desk::new();
    let acme = who("acme", None);
    desk.grant(&acme, 1, 100);
    desk.pass(3);
    desk.grant(&acme, 1, 100);
    let (bill, _) = desk.billed(Period::ALL);
    assert_eq!(bill.superseded, 1);
    assert_eq!(of(&bill, "acme", None).byte_seconds(), "300.000000000");
}

#[test]
fn an_end_without_a_beginning_is_counted_and_not_charged() {
    let desk = Desk::new();
    desk.release(&who("acme", None), 1);
    let (bill, _) = desk.billed(Period::ALL);
    assert_eq!((bill.unmatched, bill.usage.len()), (1, 0));
}

#[test]
fn the_project_is_what_stands_before_the_first_slash() {
    for (tag, project) in [
        ("search/batch/nightly", "search"),
        ("vision", "vision"),
        ("/x", ""),
    ] {
        let account = Account {
            tenant: None,
            tag: Some(tag.to_owned()),
            resource: ResourceType::Mem,
        };
        assert_eq!(account.project(), Some(project));
    }
}

#[test]
fn the_tail_beyond_the_anchor_is_not_billed() {
    let desk = Desk::new();
    desk.grant(&who("acme", None), 1, 100);
    desk.anchor_now();
    desk.grant(&who("acme", None), 2, 100);
    let log = desk.verified().unwrap();
    let (bill, run) = cookbook_recipe_59_cost_attribution::bill(&log, Period::ALL).unwrap();
    assert_eq!(of(&bill, "acme", None).acquired, 1);
    assert_eq!(run.tail[&ResourceType::Mem].leases, 1);
}

/// Somebody makes a lease smaller.
#[test]
fn nothing_is_billed_from_a_log_that_was_changed() {
    let desk = Desk::new();
    desk.grant(&who("acme", None), 1, 4_096);
    desk.anchor_now();
    let log = desk.verified().unwrap();
    let segment = fs::read_dir(desk.log().join("segments"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let changed = fs::read_to_string(&segment)
        .unwrap()
        .replace("\"4096\"", "\"1024\"");
    fs::write(&segment, changed).unwrap();

    let refused = VerifiedLog::open(&desk.log(), &desk.anchor())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("TAMPERED"), "{refused}");
    // Also when it is changed between verifying and reading.
    let refused = log.each(|_, _| {}).unwrap_err().to_string();
    assert!(refused.contains("is not what was verified"), "{refused}");
}

#[test]
fn nothing_is_billed_from_a_log_whose_end_is_gone() {
    let desk = Desk::new();
    desk.grant(&who("acme", None), 1, 4_096);
    desk.anchor_now();
    let log = desk.verified().unwrap();
    let segment = fs::read_dir(desk.log().join("segments"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let text = fs::read_to_string(&segment).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    fs::write(&segment, lines[..lines.len() - 1].concat()).unwrap();

    let refused = desk.verified().unwrap_err().to_string();
    assert!(refused.contains("INCOMPLETE"), "{refused}");
    let refused = log.each(|_, _| {}).unwrap_err().to_string();
    assert!(refused.contains("does not reach the head"), "{refused}");
}
