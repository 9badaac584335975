//! What is acknowledged is there after every end, and reads as a log of the specification.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use counterfoil::anchor::{Anchor, AnchorStore, Error as AnchorError, MemoryAnchorStore};
use counterfoil::audit::verify::{GivenHead, Verdict, VerifyOptions, verify_path};
use counterfoil::signer::{Ed25519Verifier, Keyring};
use counterfoil::{ChainId, Head};
use counterfoil_collector::{ErrorKind, Reason};

use super::producer::{signed, unsigned};
use super::{builder, caller, register, send, start_again};

#[tokio::test]
async fn after_a_restart_a_producer_goes_on_from_the_head() {
    let dir = tempfile::tempdir().unwrap();
    let acme = caller("acme");
    let log = signed("audit.example.com/leases", 20);
    let collector = builder(dir.path()).start().unwrap();
    register(&collector, &acme, &log);
    send(&collector, &acme, &log, &[log.some(1, 11)])
        .await
        .unwrap();
    assert!(collector.stop(Duration::from_secs(30)).finished);
    let refusal = send(&collector, &acme, &log, &[log.all()])
        .await
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::Stopping);
    drop(collector);

    let collector = start_again(|| builder(dir.path()));
    let head = collector.head(&acme, &log.chain).await.unwrap().unwrap();
    assert_eq!(head.seq, 10);
    let rest = log.some(11, log.lines.len() + 1);
    let ack = send(&collector, &acme, &log, &[rest]).await.unwrap();
    assert_eq!(ack.acknowledged, log.seq());
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_an_end_without_a_stop() {
    let dir = tempfile::tempdir().unwrap();
    let acme = caller("acme");
    let log = unsigned("audit.example.com/leases", 30);
    let mut acknowledged = 0;
    for round in 1_usize.. {
        let collector = start_again(|| builder(dir.path()));
        register(&collector, &acme, &log);
        let head = collector.head(&acme, &log.chain).await.unwrap();
        let seq = head.map_or(0, |head| head.seq);
        assert!(
            seq >= acknowledged,
            "round {round}: {seq} of {acknowledged}"
        );
        let from = usize::try_from(seq).unwrap() + 1;
        if from > log.lines.len() {
            break;
        }
        let to = (from + 7).min(log.lines.len() + 1);
        let ack = send(&collector, &acme, &log, &[log.some(from, to)])
            .await
            .unwrap();
        acknowledged = ack.acknowledged;
        // What comes behind is on its way when the collector goes.
        let mut upload = collector.upload(&acme, &log.chain).unwrap();
        upload.push(log.some(to, log.lines.len() + 1)).await.ok();
    }
}

fn verify_dir(log: &Path, anchor: &Path, keys: &Keyring) -> Verdict {
    let text = std::fs::read(anchor).unwrap();
    let anchor = Anchor::from_json(&text).unwrap();
    let mut options = VerifyOptions::new();
    options.head = Some(GivenHead::from(&anchor));
    options.keys = keys;
    verify_path(log, &options).verdict
}

#[tokio::test]
async fn the_directory_verifies_against_the_cosigned_head_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let acme = caller("acme");
    let log = signed("audit.example.com/leases", 300);
    let collector = builder(dir.path()).start().unwrap();
    register(&collector, &acme, &log);
    let ack = send(&collector, &acme, &log, &[log.all(), log.checkpoint_line()])
        .await
        .unwrap();
    let line = ack.cosignature.unwrap();
    let directory = collector.log_dir(&acme, &log.chain).unwrap();
    // Without a stop: what was cosigned is kept before it is answered.

    let mut keys = Keyring::new();
    let key = log.key.clone().unwrap();
    keys.trust(Ed25519Verifier::new(key).unwrap()).unwrap();
    let anchor = directory.join("anchor.json");
    let text = std::fs::read(&anchor).unwrap();
    let kept = Anchor::from_json(&text).unwrap();
    assert!(kept.checkpoint().unwrap().contains(&line), "{kept:?}");
    assert_eq!(kept.head().seq, log.seq());
    assert_eq!(verify_dir(&directory, &anchor, &keys), Verdict::Valid);
    assert!(collector.stop(Duration::from_secs(30)).finished);
    let published = std::fs::read_to_string(directory.join("checkpoint")).unwrap();
    assert_eq!(Some(published), log.checkpoint);
}

#[tokio::test]
async fn records_that_are_gone_from_under_the_kept_head_keep_their_chain_closed_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let acme = caller("acme");
    let log = unsigned("audit.example.com/leases", 10);
    let other = unsigned("audit.example.com/other", 10);
    let collector = builder(dir.path()).start().unwrap();
    for log in [&log, &other] {
        register(&collector, &acme, log);
        send(&collector, &acme, log, &[log.all()]).await.unwrap();
    }
    let directory = collector.log_dir(&acme, &log.chain).unwrap();
    assert!(collector.stop(Duration::from_secs(30)).finished);
    drop(collector);
    let segments = directory.join("segments");
    let first = std::fs::read_dir(segments)
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    std::fs::write(first.path(), log.some(1, 5)).unwrap();

    let collector = start_again(|| builder(dir.path()));
    let refusal = collector.head(&acme, &log.chain).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::Internal);
    let head = collector.head(&acme, &other.chain).await.unwrap().unwrap();
    assert_eq!(head.seq, other.seq());
}

#[test]
fn two_collectors_do_not_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let _first = builder(dir.path()).start().unwrap();
    let error = builder(dir.path()).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
}

#[test]
fn the_directory_is_its_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    let _collector = builder(&data).start().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for file in ["lock", "catalogue.jsonl", "keys/witness", "keys/meta-1"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
}

/// A store that keeps the first anchor that it is given, and does not say so.
#[derive(Debug, Default)]
struct Mute {
    store: MemoryAnchorStore,
    spoke: AtomicBool,
}

#[async_trait::async_trait]
impl AnchorStore for Mute {
    async fn load(&self, chain: &ChainId) -> Result<Option<Anchor>, AnchorError> {
        self.store.load(chain).await
    }

    async fn advance(
        &self,
        chain: &ChainId,
        expected: Option<&Head>,
        next: &Anchor,
    ) -> Result<Anchor, AnchorError> {
        let stored = self.store.advance(chain, expected, next).await?;
        if self.spoke.swap(true, Ordering::Relaxed) {
            return Ok(stored);
        }
        Err(AnchorError::unavailable(
            "advance the anchor",
            "the store",
            "the answer was lost",
        ))
    }
}

#[tokio::test]
async fn a_head_whose_answer_was_lost_does_not_keep_later_ones_from_being_kept() {
    let dir = tempfile::tempdir().unwrap();
    let heads = Arc::new(Mute::default());
    let collector = builder(dir.path())
        .heads(Arc::clone(&heads) as _)
        .head_interval(Duration::from_secs(600))
        .start()
        .unwrap();
    let acme = caller("acme");
    let mut log = signed("audit.example.com/leases", 5);
    register(&collector, &acme, &log);
    let mut cosigned = Vec::new();
    for _ in 0..3 {
        let lines = [log.all(), log.checkpoint_line()];
        let ack = send(&collector, &acme, &log, &lines).await.unwrap();
        cosigned.push(ack.cosignature.is_some());
        log = log.grow(5);
    }
    // The second finds out what became of the first.
    assert_eq!(cosigned, [false, false, true]);
    let kept = heads.load(&log.chain).await.unwrap().unwrap();
    let durable = collector.head(&acme, &log.chain).await.unwrap().unwrap();
    assert_eq!(kept.head().seq, durable.seq);
}
