//! More than can be taken: memory stays within its bound, everything is counted, and it passes.

use std::time::Duration;

use counterfoil::Timestamp;
use counterfoil::names;
use counterfoil_collector::{Collector, Reason};

use super::producer::unsigned;
use super::{builder, caller, register, send};

fn in_flight(collector: &Collector) -> i64 {
    let snapshot = collector.registry().snapshot(Timestamp::default());
    let name = names::COLLECTOR_INFLIGHT.instrument().name;
    let family = snapshot
        .families
        .iter()
        .find(|family| &*family.name == name);
    match family.unwrap().series[0].value {
        counterfoil::MetricValue::UpDownCounter(value) => value,
        ref other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_uploads_at_once_stay_within_the_bound_and_are_counted_to_the_record() {
    const BOUND: usize = 1 << 20;
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path())
        .in_flight_bytes(BOUND, BOUND)
        .start()
        .unwrap();
    let acme = caller("acme");
    let logs: Vec<_> = (0..16)
        .map(|number| unsigned(&format!("audit.example.com/log{number}"), 400))
        .collect();
    let total: u64 = logs.iter().map(|log| log.seq()).sum();
    for log in &logs {
        register(&collector, &acme, log);
    }
    let sent: Vec<_> = logs
        .into_iter()
        .map(|log| {
            let (collector, acme) = (collector.clone(), acme.clone());
            tokio::spawn(async move {
                let ack = send(&collector, &acme, &log, &[log.all()]).await.unwrap();
                assert_eq!(ack.acknowledged, log.seq());
            })
        })
        .collect();
    let mut most = 0;
    while !sent.iter().all(tokio::task::JoinHandle::is_finished) {
        most = most.max(in_flight(&collector));
        tokio::task::yield_now().await;
    }
    for one in sent {
        one.await.unwrap();
    }
    assert!(most <= i64::try_from(BOUND).unwrap(), "{most}");
    let now = collector.records(&acme.tenant);
    assert_eq!((now.offered, now.stored), (total, total));
    assert_eq!(in_flight(&collector), 0);
}

#[tokio::test]
async fn what_finds_no_room_in_time_is_refused_as_overloaded_and_counted_as_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path())
        .patience(Duration::ZERO)
        .in_flight_bytes(1 << 20, 1 << 20)
        .start()
        .unwrap();
    let acme = caller("acme");
    let log = unsigned("audit.example.com/leases", 1_500);
    register(&collector, &acme, &log);
    // One push of more than fits at once: the first part is taken, and there is no waiting for the rest.
    let mut refused = 0;
    while refused == 0 {
        match send(
            &collector,
            &acme,
            &log,
            &[log.all(), log.all(), log.all(), log.all()],
        )
        .await
        {
            Ok(_) => {}
            Err(refusal) => {
                assert_eq!(refusal.reason, Reason::Overloaded);
                assert!(refusal.retry_after.is_some());
                refused += 1;
            }
        }
    }
    let now = collector.records(&acme.tenant);
    assert_eq!(
        now.offered,
        now.stored + now.rejected + now.dropped,
        "{now:?}"
    );
    assert!(now.dropped > 0);
    let report = collector.stop(Duration::from_secs(30));
    assert!(report.finished);
    assert_eq!(report.left_in_flight, 0);
}
