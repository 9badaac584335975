//! What does not fit is counted, told of and kept.

use std::sync::Arc;

use bytes::Bytes;
use counterfoil::Head;
use counterfoil::Timestamp;
use counterfoil::audit::MAX_LINE;
use counterfoil::prometheus::Renderer;
use counterfoil_collector::{ChainEntry, Error, ErrorKind, Reason, SegmentStorage, StoredChain};
use parking_lot::Mutex;

use super::producer::signed;
use super::{builder, caller, register, send};

#[tokio::test]
async fn a_refused_line_is_counted_by_chain_and_reason_told_to_the_hook_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let hook = Arc::clone(&told);
    let collector = builder(dir.path())
        .on_refusal(move |line| {
            hook.lock()
                .push((line.chain.to_string(), line.refusal.reason));
            panic!("a hook that panics stops nobody");
        })
        .start()
        .unwrap();
    let acme = caller("acme");
    let log = signed("audit.example.com/leases", 10);
    register(&collector, &acme, &log);
    let mut line = log.lines[0].to_vec();
    let at = line.len() - 10;
    line[at] = if line[at] == b'0' { b'1' } else { b'0' };
    let refusal = send(&collector, &acme, &log, &[line.clone().into()])
        .await
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::Hash);
    assert_eq!((refusal.seq, refusal.acknowledged), (Some(1), Some(0)));

    let page = Renderer::new().render(&collector.registry().snapshot(Timestamp::default()));
    let series = "counterfoil_audit_chain_verification_failures_total{chain=\"audit.example.com/leases/1\",reason=\"hash\"} 1";
    assert!(page.lines().any(|line| line == series), "{page}");
    let rejected = "counterfoil_collector_record_rejected_total{tenant=\"acme\"} 1";
    assert!(page.lines().any(|line| line == rejected), "{page}");
    assert_eq!(*told.lock(), [(log.chain.to_string(), Reason::Hash)]);
    let quarantine = dir
        .path()
        .join("tenants/acme/quarantine/audit.example.com=leases=1");
    let files: Vec<_> = std::fs::read_dir(quarantine).unwrap().collect();
    assert_eq!(files.len(), 1);
    let kept = std::fs::read(files[0].as_ref().unwrap().path()).unwrap();
    assert!(kept.ends_with(&line), "byte for byte");

    let ack = send(&collector, &acme, &log, &[log.all()]).await.unwrap();
    assert_eq!(ack.acknowledged, log.seq(), "the chain goes on");
}

#[tokio::test]
async fn a_line_longer_than_any_record_is_refused_and_what_came_before_it_kept() {
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path()).start().unwrap();
    let acme = caller("acme");
    let log = signed("audit.example.com/leases", 10);
    register(&collector, &acme, &log);
    let endless = Bytes::from(vec![b'x'; MAX_LINE + 1]);
    let refusal = send(&collector, &acme, &log, &[log.some(1, 6), endless])
        .await
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::TooLarge);
    assert_eq!(refusal.acknowledged, Some(5));
    assert_eq!(refusal.expected, Some((5, log.head(5).hash)));
    let now = collector.records(&acme.tenant);
    assert_eq!((now.stored, now.rejected, now.dropped), (5, 1, 0));
}

#[tokio::test]
async fn a_line_that_broke_off_is_not_taken_and_the_rest_is() {
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path()).start().unwrap();
    let acme = caller("acme");
    let log = signed("audit.example.com/leases", 10);
    register(&collector, &acme, &log);
    let half = log.lines[5].slice(..30);
    let refusal = send(&collector, &acme, &log, &[log.some(1, 6), half])
        .await
        .unwrap_err();
    assert_eq!(
        (refusal.reason, refusal.acknowledged),
        (Reason::Grammar, Some(5))
    );
    let ack = send(&collector, &acme, &log, &[log.all()]).await.unwrap();
    assert_eq!((ack.acknowledged, ack.known), (log.seq(), 5));
}

#[tokio::test]
async fn a_checkpoint_of_other_records_is_refused_and_not_cosigned() {
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path()).start().unwrap();
    let acme = caller("acme");
    let log = signed("audit.example.com/leases", 10);
    let other = signed("audit.example.com/leases", 10);
    register(&collector, &acme, &log);
    let chunks = [log.all(), other.checkpoint_line()];
    let refusal = send(&collector, &acme, &log, &chunks).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::Checkpoint);
    assert_eq!(refusal.acknowledged, Some(log.seq()));
    let ack = send(&collector, &acme, &log, &[log.checkpoint_line()])
        .await
        .unwrap();
    assert!(ack.cosignature.is_some());
}

/// Storage that is damaged.
#[derive(Debug)]
struct Damaged;

impl SegmentStorage for Damaged {
    fn open(&self, _: &ChainEntry, _: Option<&Head>) -> Result<Box<dyn StoredChain>, Error> {
        Err(Error::new(
            ErrorKind::Corrupt,
            "open a chain",
            "it is damaged",
        ))
    }

    fn directory(&self, entry: &ChainEntry) -> std::path::PathBuf {
        entry.chain.as_str().into()
    }
}

#[tokio::test]
async fn a_chain_that_cannot_be_opened_keeps_nothing_of_what_it_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path())
        .storage(Arc::new(Damaged))
        .start()
        .unwrap();
    let acme = caller("acme");
    let log = signed("audit.example.com/leases", 1);
    register(&collector, &acme, &log);
    let endless = Bytes::from(vec![b'x'; MAX_LINE + 1]);
    let refusal = send(&collector, &acme, &log, &[endless]).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::Internal);
    let now = collector.records(&acme.tenant);
    assert_eq!((now.offered, now.rejected, now.dropped), (1, 0, 1));
}
