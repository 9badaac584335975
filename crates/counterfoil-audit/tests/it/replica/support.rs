//! A chain to be kept, and the replica of it.

use std::path::Path;
use std::sync::Arc;

use counterfoil_audit::FileSystem;
use counterfoil_audit::replica::{Replica, ReplicaOptions};
use counterfoil_audit::verify::{Report, verify_path};
use counterfoil_signer::Keyring;
use counterfoil_testkit::files::MemFiles;

use crate::tamper::subject::{Kind, Recipe, Subject, key_reader, options, trust};

/// A signed log of so many records, opened four times.
pub(super) fn chain(records: usize) -> Subject {
    let mut recipe = Recipe::new(Kind::Checkpoints, records);
    recipe.openings = 4;
    recipe.make()
}

pub(super) fn keys(subject: &Subject) -> Keyring {
    let mut keys = Keyring::new();
    trust(&mut keys, &subject.recipe.log_key());
    keys
}

/// Segments of 256 records.
pub(super) fn small(subject: &Subject) -> ReplicaOptions {
    let mut options = ReplicaOptions::new(Arc::new(keys(subject)));
    options.key_reader = Some(key_reader);
    options.segment_bytes = 1;
    options
}

pub(super) fn open(dir: &Path, subject: &Subject) -> Replica {
    let chain = subject.recipe.id.parse().unwrap();
    Replica::open(dir, chain, small(subject)).unwrap()
}

pub(super) fn on(files: &MemFiles, subject: &Subject) -> ReplicaOptions {
    let mut options = small(subject);
    options.files = Arc::new(files.clone()) as Arc<dyn FileSystem>;
    options
}

/// Offers records `from` to `to`, all of which have to be taken.
pub(super) fn offer(replica: &mut Replica, subject: &Subject, from: u64, to: u64) {
    let lines = subject.lines[from as usize - 1..to as usize].concat();
    let offered = replica.offer(&lines).unwrap();
    assert_eq!(offered.refused, None);
    assert_eq!((offered.bytes, replica.seq()), (lines.len(), to));
}

/// The verdict of `counterfoil verify` with the registered key.
pub(super) fn verify(dir: &Path, subject: &Subject) -> Report {
    verify_path(dir, &options(None, &keys(subject)))
}
