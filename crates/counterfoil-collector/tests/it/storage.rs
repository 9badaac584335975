//! What every storage of records has to hold to, shown of the one on files and of one in memory.

pub(crate) mod memory;

use std::sync::Arc;

use counterfoil::audit::Retention;
use counterfoil::{Head, Timestamp};
use counterfoil_collector::{ChainEntry, ErrorKind, FileStorage, Reason, SegmentStorage};

use crate::ingest::producer::{Produced, signed};

fn entry(of: &Produced) -> ChainEntry {
    ChainEntry::new(
        of.chain.clone(),
        "acme".parse().unwrap(),
        of.key.clone(),
        Timestamp::from_unix_seconds(1_700_000_000),
        "cfk_acme",
    )
}

/// The suite: `open` opens the same storage again and again.
fn conforms(open: impl Fn() -> Box<dyn SegmentStorage>) {
    let log = signed("audit.example.com/leases", 20);
    let entry = entry(&log);
    let mut chain = open().open(&entry, None).unwrap();
    assert_eq!((chain.head(), chain.durable()), (None, None));

    let taken = chain.offer(&log.some(1, 11)).unwrap();
    assert_eq!((taken.new, taken.known, taken.refused), (10, 0, None));
    assert_eq!(chain.head().unwrap().seq, 10);
    chain.sync().unwrap();
    let (durable, head) = (chain.durable().unwrap(), chain.head().unwrap());
    assert!(durable.agrees_with(&head));
    assert!(chain.bytes() >= log.some(1, 11).len() as u64);

    a_gap_and_a_fork_are_refused(&mut *chain, &log);
    drop(chain);

    let mut chain = open().open(&entry, Some(&log.head(10))).unwrap();
    assert_eq!(chain.durable().unwrap().seq, 10, "what was synced is there");
    let taken = chain.offer(&log.all()).unwrap();
    assert_eq!((taken.new, taken.known), (log.seq() - 10, 10));
    let note = log.checkpoint.as_deref().unwrap();
    assert_eq!(chain.checkpoint(note).unwrap(), Ok(log.seq()));
    let unfit = chain.checkpoint("no note").unwrap().unwrap_err();
    assert_eq!(unfit.reason, Reason::Checkpoint);
    chain.sync().unwrap();
    chain.publish().unwrap();
    assert_eq!(chain.head_at(3).unwrap().unwrap().hash, log.head(3).hash);
    assert_eq!(chain.head_at(log.seq() + 1).unwrap(), None);
    let keep_all = Retention {
        max_age_s: None,
        max_bytes: None,
    };
    assert_eq!(chain.prune(keep_all).unwrap(), 0);
    chain.close().unwrap();
    a_head_that_is_gone_or_another_keeps_it_closed(&open, &entry, &log);
}

fn a_head_that_is_gone_or_another_keeps_it_closed(
    open: &impl Fn() -> Box<dyn SegmentStorage>,
    entry: &ChainEntry,
    log: &Produced,
) {
    let beyond = Head {
        seq: log.seq() + 1,
        ..log.head(1)
    };
    let other = Head {
        seq: 3,
        ..log.head(1)
    };
    for vouched in [beyond, other] {
        let error = open().open(entry, Some(&vouched)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
    assert!(open().open(entry, Some(&log.head(log.seq()))).is_ok());
}

fn a_gap_and_a_fork_are_refused(
    chain: &mut dyn counterfoil_collector::StoredChain,
    log: &Produced,
) {
    let head = chain.head();
    let taken = chain.offer(&log.some(13, 15)).unwrap();
    let (unfit, range) = taken.refused.unwrap();
    assert_eq!(unfit.reason, Reason::Sequence, "{unfit:?}");
    assert_eq!(unfit.seq, Some(13), "{unfit:?}");
    assert_eq!(range, 0..log.lines[12].len());

    let other = signed("audit.example.com/leases", 20);
    let taken = chain.offer(&other.some(1, 3)).unwrap();
    let (unfit, range) = taken.refused.unwrap();
    assert_eq!(
        (unfit.reason, unfit.seq),
        (Reason::Fork, Some(1)),
        "{unfit:?}"
    );
    assert_eq!(range, 0..other.lines[0].len());
    assert_eq!(chain.head(), head, "what is refused leaves no trace");
    assert_eq!(unfit.ours.as_deref(), Some(&*log.lines[0]));
}

#[test]
fn the_storage_on_files_keeps_its_contract() {
    let dir = tempfile::tempdir().unwrap();
    conforms(|| Box::new(FileStorage::new(dir.path())));
}

#[test]
fn the_storage_in_memory_keeps_its_contract() {
    let storage = Arc::new(memory::MemStorage::default());
    conforms(|| Box::new(Arc::clone(&storage)));
}
