//! What the log publishes when its anchor store adds signature lines, or answers with something else.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use counterfoil_anchor::{Anchor, AnchorStore, Error as AnchorError, MemoryAnchorStore};
use counterfoil_audit::{AuditLog, FileSystem, Instance};
use counterfoil_core::{ChainId, Head};
use counterfoil_signer::Ed25519Signer;
use counterfoil_testkit::block_on;

use crate::log_support::{BASE, LONG, context, expired};
use counterfoil_testkit::files::MemFiles;

const COSIGNATURE: &str = "\u{2014} witness.example AAAAAAA=\n";

/// Has everything cosigned; when it is broken it answers with the anchor before, and when a witness has seen another head it says so.
#[derive(Debug, Default)]
struct Cosigning {
    inner: MemoryAnchorStore,
    broken: AtomicBool,
    split: AtomicBool,
}

#[async_trait]
impl AnchorStore for Cosigning {
    async fn load(&self, chain: &ChainId) -> Result<Option<Anchor>, AnchorError> {
        self.inner.load(chain).await
    }

    async fn advance(
        &self,
        chain: &ChainId,
        expected: Option<&Head>,
        next: &Anchor,
    ) -> Result<Anchor, AnchorError> {
        if self.split.load(Ordering::SeqCst) {
            return Err(AnchorError::split_view("both are kept in a and b"));
        }
        let before = self.inner.load(chain).await?;
        let note = format!("{}{COSIGNATURE}", next.checkpoint().unwrap());
        let cosigned = Anchor::new(next.head().clone())?.with_checkpoint(note)?;
        let stored = self.inner.advance(chain, expected, &cosigned).await?;
        match before {
            Some(before) if self.broken.load(Ordering::SeqCst) => Ok(before),
            _ => Ok(stored),
        }
    }
}

fn open(files: &MemFiles, store: &Arc<Cosigning>) -> AuditLog {
    AuditLog::builder("/log", BASE)
        .file_system(Arc::new(files.clone()))
        .anchor_store(store.clone())
        .signer(|chain| {
            Ok(Arc::new(Ed25519Signer::from_seed(
                chain.as_str(),
                &[7; 32],
            )?))
        })
        .instance(Instance(1))
        .open()
        .unwrap()
}

fn published(files: &MemFiles) -> String {
    String::from_utf8(files.read(Path::new("/log/checkpoint")).unwrap()).unwrap()
}

#[test]
fn the_checkpoint_that_is_published_is_the_one_that_the_store_keeps() {
    let (files, store) = (MemFiles::default(), Arc::new(Cosigning::default()));
    let log = open(&files, &store);
    log.append_event(&expired(1), &context());
    let head = log.anchor_now(LONG).unwrap();
    let stored = block_on(store.load(log.chain())).unwrap().unwrap();
    assert_eq!(stored.head(), &head);
    assert_eq!(Some(&*published(&files)), stored.checkpoint());
    assert!(published(&files).ends_with(COSIGNATURE));
    assert!(log.close(LONG).finished);
    drop(log);
    // And a log that goes on reads it as its own.
    let log = open(&files, &store);
    assert!(log.anchor_now(LONG).unwrap().seq > head.seq);
}

#[test]
fn an_answer_that_lacks_what_was_offered_is_not_published() {
    let (files, store) = (MemFiles::default(), Arc::new(Cosigning::default()));
    let log = open(&files, &store);
    log.anchor_now(LONG).unwrap();
    let before = published(&files);
    store.broken.store(true, Ordering::SeqCst);
    log.append_event(&expired(1), &context());
    let refused = log.anchor_now(Duration::from_millis(200)).unwrap_err();
    assert!(refused.to_string().contains("another anchor"), "{refused}");
    assert_eq!(published(&files), before);
}

#[test]
fn a_split_view_stops_the_log_and_its_alarm_names_the_evidence() {
    let (files, store) = (MemFiles::default(), Arc::new(Cosigning::default()));
    let log = open(&files, &store);
    log.anchor_now(LONG).unwrap();
    store.split.store(true, Ordering::SeqCst);
    log.append_event(&expired(1), &context());
    log.anchor_now(LONG).unwrap_err();
    let refused = log.append_event(&expired(2), &context()).wait_durable(LONG);
    assert!(refused.is_err());
    let alarm = log.figures().alarm.unwrap();
    assert!(alarm.contains("both are kept in a and b"), "{alarm}");
}
