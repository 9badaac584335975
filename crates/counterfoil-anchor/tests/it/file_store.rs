//! `FileAnchorStore`: the contract, the opening table, and two processes' worth of handles.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use counterfoil_anchor::{Anchor, AnchorStore, ErrorKind, FileAnchorStore, Opening};
use counterfoil_core::{ChainId, Digest, Head};
use counterfoil_testkit::anchor::{conformance, persistence};
use counterfoil_testkit::block_on;
use tempfile::{TempDir, tempdir};

/// Makes stores in files of their own.
struct Files {
    directory: TempDir,
    next: AtomicU32,
}

impl Files {
    fn new() -> Self {
        Self {
            directory: tempdir().unwrap(),
            next: AtomicU32::new(0),
        }
    }

    fn store(&self) -> FileAnchorStore {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        FileAnchorStore::open(self.directory.path().join(format!("{n}.json"))).unwrap()
    }
}

fn chain() -> ChainId {
    "audit.example.com/leases/1".parse().unwrap()
}

fn anchor(seq: u64) -> Anchor {
    Anchor::new(Head {
        chain: chain(),
        seq,
        hash: Digest::from_bytes([seq as u8; 32]),
        root: None,
    })
    .unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_file_store_keeps_the_contract() {
    let files = Files::new();
    conformance(|| files.store());
}

#[test]
fn a_boxed_and_a_shared_file_store_keep_the_contract() {
    let files = Files::new();
    conformance(|| -> Box<dyn AnchorStore> { Box::new(files.store()) });
    conformance(|| -> Arc<dyn AnchorStore> { Arc::new(files.store()) });
}

#[test]
fn a_reopened_file_still_has_the_anchor_and_two_handles_take_turns() {
    for open in [FileAnchorStore::open, FileAnchorStore::load_or_unanchored] {
        let directory = tempdir().unwrap();
        persistence(|| open(directory.path().join("anchor.json")).unwrap());
    }
}

#[test]
fn the_file_is_the_json_of_the_anchor_and_nothing_is_left_beside_it() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("anchor.json");
    let store = FileAnchorStore::open(&path).unwrap();
    assert!(matches!(store.opening(), Opening::Unanchored));
    block_on(store.advance(&chain(), None, &anchor(1))).unwrap();
    block_on(store.advance(&chain(), Some(anchor(1).head()), &anchor(2))).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), anchor(2).to_json());
    assert_eq!(names(directory.path()), ["anchor.json", "anchor.json.lock"]);
    assert!(matches!(
        FileAnchorStore::open(&path).unwrap().opening(),
        Opening::Anchored
    ));
}

#[test]
fn a_file_that_holds_no_anchor_is_refused_by_open_and_left_as_it_is() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("anchor.json");
    for content in ["", "{", "{\"v\":1}", "\0\0\0\0"] {
        fs::write(&path, content).unwrap();
        let error = FileAnchorStore::open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(
            error.to_string().contains("anchor.json holds no anchor"),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn a_file_that_goes_bad_under_an_open_store_is_neither_loaded_nor_overwritten() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("anchor.json");
    let store = FileAnchorStore::open(&path).unwrap();
    block_on(store.advance(&chain(), None, &anchor(1))).unwrap();
    fs::write(&path, "rubbish").unwrap();
    assert_eq!(
        block_on(store.load(&chain())).unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    let refused = block_on(store.advance(&chain(), Some(anchor(1).head()), &anchor(2)));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(fs::read_to_string(&path).unwrap(), "rubbish");
}

#[test]
fn load_or_unanchored_renames_each_corrupt_file_to_a_name_of_its_own() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("anchor.json");
    fs::write(directory.path().join("anchor.json.corrupt-2"), "taken").unwrap();
    for (content, name) in [
        ("first", "anchor.json.corrupt-1"),
        ("second", "anchor.json.corrupt-3"),
    ] {
        fs::write(&path, content).unwrap();
        let store = FileAnchorStore::load_or_unanchored(&path).unwrap();
        let Opening::SetAside { kept_as, reason } = store.opening() else {
            panic!("a corrupt file was not set aside: {store:?}");
        };
        assert_eq!(kept_as, &directory.path().join(name));
        assert_eq!(reason.kind(), ErrorKind::Corrupt);
        assert_eq!(fs::read_to_string(kept_as).unwrap(), content);
        assert!(block_on(store.load(&chain())).unwrap().is_none());
        assert!(!path.exists());
    }
    let kept = fs::read_to_string(directory.path().join("anchor.json.corrupt-2")).unwrap();
    assert_eq!(kept, "taken");
}

#[test]
fn what_cannot_be_read_is_refused_and_not_renamed() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("anchor.json");
    fs::create_dir(&path).unwrap();
    let error = FileAnchorStore::load_or_unanchored(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(path.is_dir());

    let error = FileAnchorStore::open(directory.path().join("no/such/anchor.json")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.to_string().contains("directory must exist"),
        "{error}"
    );
}

#[test]
fn the_anchor_of_another_log_is_neither_loaded_nor_replaced() {
    let directory = tempdir().unwrap();
    let store = FileAnchorStore::open(directory.path().join("anchor.json")).unwrap();
    block_on(store.advance(&chain(), None, &anchor(1))).unwrap();
    let other: ChainId = "audit.example.com/jobs/1".parse().unwrap();
    let error = block_on(store.load(&other)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongLog);
    assert!(
        error
            .to_string()
            .contains("leases/1, not of audit.example.com/jobs/1"),
        "{error}"
    );
}

#[test]
fn a_replaced_file_keeps_its_mode() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("anchor.json");
    let store = FileAnchorStore::open(&path).unwrap();
    block_on(store.advance(&chain(), None, &anchor(1))).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    block_on(store.advance(&chain(), Some(anchor(1).head()), &anchor(2))).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o640
    );
}
