//! What fits is kept, what does not is refused, and everything is counted.

use std::time::Duration;

use counterfoil::Timestamp;
use counterfoil::prometheus::Renderer;
use counterfoil_collector::{Collector, Reason, RecordCounts};

use super::producer::{Produced, signed, unsigned};
use super::{builder, caller, register, send};

fn start(dir: &std::path::Path) -> Collector {
    builder(dir).start().unwrap()
}

fn counts(collector: &Collector) -> RecordCounts {
    collector.records(&"acme".parse().unwrap())
}

fn adds_up(collector: &Collector) {
    let now = counts(collector);
    assert_eq!(
        now.offered,
        now.stored + now.rejected + now.dropped,
        "{now:?}"
    );
}

async fn started(records: u64) -> (tempfile::TempDir, Collector, Produced) {
    let dir = tempfile::tempdir().unwrap();
    let collector = start(dir.path());
    let log = signed("audit.example.com/leases", records);
    register(&collector, &caller("acme"), &log);
    (dir, collector, log)
}

#[tokio::test]
async fn a_chain_is_acknowledged_up_to_its_last_record_and_its_checkpoint_cosigned() {
    let (_dir, collector, log) = started(30).await;
    let acme = caller("acme");
    assert_eq!(collector.head(&acme, &log.chain).await.unwrap(), None);
    let ack = send(&collector, &acme, &log, &[log.all(), log.checkpoint_line()])
        .await
        .unwrap();
    assert_eq!(
        (ack.acknowledged, ack.stored, ack.known),
        (log.seq(), log.seq(), 0)
    );
    let head = collector.head(&acme, &log.chain).await.unwrap().unwrap();
    assert_eq!((head.seq, head.hash), (log.seq(), ack.hash));
    assert!(
        ack.cosignature
            .unwrap()
            .starts_with("— collector.example.com/witness ")
    );

    let again = send(&collector, &acme, &log, &[log.all()]).await.unwrap();
    assert_eq!((again.stored, again.known), (0, log.seq()));
    let now = counts(&collector);
    assert_eq!(
        (now.offered, now.stored, now.known),
        (log.seq(), log.seq(), log.seq())
    );
    adds_up(&collector);
    let report = collector.stop(Duration::from_secs(30));
    assert!(report.finished, "{report:?}");
}

#[tokio::test]
async fn what_is_stored_is_counted_by_kind_under_the_names_that_a_siem_knows() {
    let (_dir, collector, log) = started(30).await;
    let acme = caller("acme");
    // What came again, and what was refused, is not counted again or at all.
    send(&collector, &acme, &log, &[log.some(1, 21)])
        .await
        .unwrap();
    send(
        &collector,
        &acme,
        &log,
        &[log.some(21, 22), "none\n".into()],
    )
    .await
    .unwrap_err();
    send(&collector, &acme, &log, &[log.all()]).await.unwrap();
    let page = Renderer::new().render(&collector.registry().snapshot(Timestamp::default()));
    for series in [
        "counterfoil_audit_records_lease_allocated_total 30",
        "counterfoil_audit_record_sealed_total{kind=\"lease_allocated\"} 30",
        "counterfoil_audit_records_log_opened_total 1",
        "counterfoil_audit_records_log_closed_total 1",
    ] {
        assert!(page.lines().any(|line| line == series), "{series}: {page}");
    }
}

#[tokio::test]
async fn chunks_may_end_anywhere() {
    let (_dir, collector, log) = started(30).await;
    let all = log.all();
    let chunks: Vec<_> = (0..all.len())
        .step_by(97)
        .map(|from| all.slice(from..(from + 97).min(all.len())))
        .collect();
    let ack = send(&collector, &caller("acme"), &log, &chunks)
        .await
        .unwrap();
    assert_eq!(ack.acknowledged, log.seq());
}

#[tokio::test]
async fn a_gap_is_refused_with_the_head_to_go_on_from_and_what_came_before_is_kept() {
    let (_dir, collector, log) = started(30).await;
    let acme = caller("acme");
    let chunks = [log.some(1, 11), log.some(12, 20)];
    let refusal = send(&collector, &acme, &log, &chunks).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::Sequence);
    assert_eq!(refusal.seq, Some(12));
    assert_eq!(refusal.acknowledged, Some(10));
    let head = collector.head(&acme, &log.chain).await.unwrap().unwrap();
    assert_eq!(refusal.expected, Some((10, head.hash)));
    let now = counts(&collector);
    assert_eq!((now.stored, now.rejected, now.dropped), (10, 1, 7));
    adds_up(&collector);

    let ack = send(
        &collector,
        &acme,
        &log,
        &[log.some(11, log.lines.len() + 1)],
    )
    .await
    .unwrap();
    assert_eq!(ack.acknowledged, log.seq());
}

#[tokio::test]
async fn another_record_under_a_known_number_is_a_fork_and_both_are_kept() {
    let (dir, collector, log) = started(10).await;
    let acme = caller("acme");
    send(&collector, &acme, &log, &[log.all()]).await.unwrap();
    let other = signed("audit.example.com/leases", 10);
    let refusal = send(&collector, &acme, &other, &[other.all()])
        .await
        .unwrap_err();
    assert_eq!((refusal.reason, refusal.seq), (Reason::Fork, Some(1)));
    let evidence = dir
        .path()
        .join("tenants/acme/evidence/audit.example.com=leases=1");
    let files: Vec<_> = std::fs::read_dir(evidence).unwrap().collect();
    assert_eq!(files.len(), 1);
    let text = std::fs::read(files[0].as_ref().unwrap().path()).unwrap();
    let both = [&*other.lines[0], &*log.lines[0]].concat();
    assert!(text.ends_with(&both));
    adds_up(&collector);
}

#[tokio::test]
async fn a_broken_chain_keeps_no_other_one_from_going_on() {
    let dir = tempfile::tempdir().unwrap();
    let collector = start(dir.path());
    let logs: Vec<_> = (0..50)
        .map(|number| unsigned(&format!("audit.example.com/log{number}"), 20))
        .collect();
    let acme = caller("acme");
    for log in &logs {
        register(&collector, &acme, log);
    }
    let sent: Vec<_> = logs
        .into_iter()
        .enumerate()
        .map(|(number, log)| {
            let (collector, acme) = (collector.clone(), acme.clone());
            tokio::spawn(async move {
                let mut bytes = log.all().to_vec();
                if number == 7 {
                    let at = log.some(1, 6).len() + 40;
                    bytes[at] ^= 1;
                }
                (
                    log.seq(),
                    send(&collector, &acme, &log, &[bytes.into()]).await,
                )
            })
        })
        .collect();
    let mut refused = 0;
    for answer in sent {
        match answer.await.unwrap() {
            (seq, Ok(ack)) => assert_eq!(ack.acknowledged, seq),
            (_, Err(refusal)) => {
                assert_eq!(refusal.acknowledged, Some(5), "{refusal:?}");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 1);
    adds_up(&collector);
    let report = collector.stop(Duration::from_secs(30));
    assert!(report.finished, "{report:?}");
}
