use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use cookbook_recipe_17_bring_your_own_backend::JournalAnchorStore;
use counterfoil_anchor::{Anchor, AnchorStore, Error, ErrorKind};
use counterfoil_core::{ChainId, Digest, Head};
use counterfoil_testkit::block_on;
use tempfile::TempDir;

const ROOM: u64 = 1 << 20;

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("anchors.jsonl");
    (directory, path)
}

fn open(path: &Path) -> JournalAnchorStore {
    JournalAnchorStore::open(path, ROOM).unwrap()
}

fn chain() -> ChainId {
    "audit.example.com/leases/1".parse().unwrap()
}

fn anchor(seq: u64) -> Anchor {
    Anchor::new(Head {
        chain: chain(),
        seq,
        hash: Digest::from_bytes([seq as u8; Digest::LEN]),
        root: None,
    })
    .unwrap()
}

fn advance(store: &JournalAnchorStore, from: Option<u64>, to: u64) -> Result<Anchor, Error> {
    let from = from.map(anchor);
    block_on(store.advance(&chain(), from.as_ref().map(Anchor::head), &anchor(to)))
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn it_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    counterfoil_testkit::anchor::conformance(|| {
        let empty = tempfile::tempdir_in(directory.path()).unwrap().keep();
        open(&empty.join("anchors.jsonl"))
    });
}

#[test]
fn it_outlives_its_process_and_has_several_writers() {
    let (_directory, path) = place();
    counterfoil_testkit::anchor::persistence(|| open(&path));
}

#[test]
fn every_head_that_was_anchored_stays_in_the_file() {
    let (_directory, path) = place();
    let store = open(&path);
    advance(&store, None, 1).unwrap();
    advance(&store, Some(1), 5).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, anchor(1).to_json() + &anchor(5).to_json());
}

/// At every byte, as a crash may have it.
#[test]
fn a_line_that_was_cut_short_is_skipped_and_marked() {
    let whole = anchor(2).to_json();
    for end in 1..whole.len() {
        let (_directory, path) = place();
        advance(&open(&path), None, 1).unwrap();
        append(&path, &whole.as_bytes()[..end]);

        let store = open(&path);
        assert_eq!(block_on(store.load(&chain())).unwrap(), Some(anchor(1)));
        advance(&store, Some(1), 3).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(" #torn\n"), "{text}");
        assert_eq!(
            block_on(open(&path).load(&chain())).unwrap(),
            Some(anchor(3))
        );
    }
}

#[test]
fn a_whole_line_that_is_no_anchor_is_never_passed_over() {
    for (line, why) in [
        ("{}\n".to_owned(), "holds no anchor"),
        (anchor(1).to_json(), "takes an earlier one back"),
    ] {
        let (_directory, path) = place();
        let running = open(&path);
        advance(&running, None, 2).unwrap();
        append(&path, line.as_bytes());
        for error in [
            advance(&running, Some(2), 3).unwrap_err(),
            JournalAnchorStore::open(&path, ROOM).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert!(error.to_string().contains(why), "{error}");
            assert!(error.to_string().contains("line 2"), "{error}");
        }
    }
}

#[test]
fn a_journal_that_was_cut_off_or_replaced_is_noticed() {
    let cut = |path: &Path| fs::write(path, "").unwrap();
    let replaced = |path: &Path| {
        let copy = path.with_extension("copy");
        fs::copy(path, &copy).unwrap();
        fs::rename(copy, path).unwrap();
    };
    for change in [&cut as &dyn Fn(&Path), &replaced] {
        let (_directory, path) = place();
        let store = open(&path);
        advance(&store, None, 1).unwrap();
        block_on(store.load(&chain())).unwrap();
        change(&path);
        let error = advance(&store, Some(1), 2).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
}

#[test]
fn a_full_journal_goes_on_in_the_next_one_and_nobody_writes_to_it_any_more() {
    let (directory, path) = place();
    let most = 2 * anchor(1).to_json().len() as u64 + 10;
    let full = JournalAnchorStore::open(&path, most).unwrap();
    advance(&full, None, 1).unwrap();
    advance(&full, Some(1), 2).unwrap();
    let error = advance(&full, Some(2), 3).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(block_on(full.load(&chain())).unwrap(), Some(anchor(2)));

    let next = directory.path().join("anchors-2.jsonl");
    let store = full.carry_over(&next).unwrap();
    advance(&store, Some(2), 3).unwrap();
    for late in [
        advance(&full, Some(2), 4),
        JournalAnchorStore::open(&path, ROOM).map(|_| anchor(1)),
    ] {
        let error = late.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("anchors-2.jsonl"), "{cause}");
    }
}

#[test]
fn a_file_that_exists_is_never_carried_over_into() {
    let (directory, path) = place();
    let store = open(&path);
    advance(&store, None, 1).unwrap();
    let other = directory.path().join("other");
    fs::write(&other, "somebody's").unwrap();
    assert_eq!(
        store.carry_over(&other).unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    assert_eq!(fs::read_to_string(&other).unwrap(), "somebody's");
    advance(&store, Some(1), 2).unwrap();
}
