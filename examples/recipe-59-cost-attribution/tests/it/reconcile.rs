use cookbook_recipe_59_cost_attribution::{Period, Reconciliation, bill, simulate};
use counterfoil::{LeaseId, Name, Observer, ResourceType};

use crate::log::{Desk, who};

fn both(desk: &Desk) -> Reconciliation {
    let (_, run) = desk.billed(Period::ALL);
    Reconciliation::new(&run, &desk.observer.snapshot())
}

#[test]
fn a_run_that_is_anchored_agrees_to_the_byte() {
    let desk = Desk::new();
    desk.grant(&who("acme", None), 1, 4_096);
    desk.grant(&who("globex", None), 2, 1 << 40);
    let both = both(&desk);
    assert!(both.agrees() && both.is_explained(), "{both:?}");
    assert_eq!(both.leases[0].metric, 2);
    assert_eq!(both.bytes.as_ref().unwrap()[0].metric, 4_096 + (1 << 40));
}

#[test]
fn only_the_last_run_is_held_against_the_metrics_of_the_process() {
    let desk = Desk::new();
    desk.grant(&who("acme", None), 1, 4_096);
    let desk = desk.restart();
    desk.grant(&who("acme", None), 2, 10);
    let (bill, run) = desk.billed(Period::ALL);
    assert_eq!(
        bill.usage.values().map(|usage| usage.acquired).sum::<u64>(),
        2
    );
    assert!(Reconciliation::new(&run, &desk.observer.snapshot()).agrees());
}

#[test]
fn the_tail_explains_its_own_part() {
    let directory = tempfile::tempdir().unwrap();
    let day = simulate(directory.path()).unwrap();
    let log =
        cookbook_recipe_59_cost_attribution::VerifiedLog::open(&day.log, &day.anchor).unwrap();
    let (_, run) = bill(&log, Period::ALL).unwrap();
    let both = Reconciliation::new(&run, &day.metrics);
    assert!(!both.agrees() && both.is_explained(), "{both:?}");
    assert_eq!((both.leases[0].tail, both.leases[0].unsealed()), (1, 0));
}

/// Leases are granted faster than the smallest queue takes them.
#[test]
fn lost_records_explain_as_many_leases_and_no_more() {
    let desk = Desk::with(|log| log.queue_words(32));
    let (acme, node) = (who("acme", None), Name::new("node-a"));
    let mut lease = 0;
    while desk.observer.audit().unwrap().figures().rejected < 5 {
        lease += 1;
        let (mem, id) = (ResourceType::Mem, LeaseId(lease));
        desk.observer.lease_acquired(&acme, mem, id, &node, 100);
        desk.granted.at(mem).add(100);
    }
    let both = both(&desk);
    let missing = both.leases[0].unsealed();
    assert!(missing >= 5, "{both:?}");
    assert_eq!(i128::from(both.declared_lost + both.undeclared), missing);
    assert_eq!(both.bytes.as_ref().unwrap()[0].unsealed(), 100 * missing);
    assert!(!both.agrees() && both.is_explained());

    // One more in the metrics than was lost.
    desk.observer
        .metrics()
        .leases_total
        .at(ResourceType::Mem)
        .add(1);
    let (_, run) = desk.billed(Period::ALL);
    assert!(!Reconciliation::new(&run, &desk.observer.snapshot()).is_explained());
}

#[test]
fn bytes_that_differ_where_leases_agree_are_not_explained() {
    let desk = Desk::new();
    desk.grant(&who("acme", None), 1, 4_096);
    desk.granted.at(ResourceType::Mem).add(1);
    assert!(!both(&desk).is_explained());
}

#[test]
fn records_that_no_metric_counted_are_not_explained() {
    let desk = Desk::new();
    desk.grant(&who("acme", None), 1, 4_096);
    let (_, run) = desk.billed(Period::ALL);
    let other = Observer::builder().build().unwrap();
    let both = Reconciliation::new(&run, &other.snapshot());
    assert!(!both.is_explained() && both.bytes.is_none(), "{both:?}");
}
