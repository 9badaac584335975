//! A log directory: whole segments and the whole log taken out, exchanged or doubled, and the checkpoint beside them.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use counterfoil_audit::verify::{GivenHead, Reason, Report, verify_path};
use counterfoil_signer::Keyring;

use super::forgery::rewritten;
use super::subject::{
    Expected, Kind, Recipe, Subject, VALID, absent, assert_found, options, tampered,
};

/// A log of equal segments in a directory of its own.
pub(crate) struct Directory {
    folder: tempfile::TempDir,
    pub(crate) subject: Subject,
    per_segment: usize,
}

impl Directory {
    pub(crate) fn new(kind: Kind, segments: usize, per_segment: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let subject = Recipe::new(kind, segments * per_segment).make();
        fs::create_dir(folder.path().join("segments")).unwrap();
        let directory = Self {
            folder,
            subject,
            per_segment,
        };
        for index in 0..segments {
            let lines = directory.lines(index);
            fs::write(
                directory.segment(index),
                directory.subject.lines[lines].concat(),
            )
            .unwrap();
        }
        directory
    }

    fn lines(&self, segment: usize) -> Range<usize> {
        segment * self.per_segment..(segment + 1) * self.per_segment
    }

    /// The number of a segment's first record.
    pub(crate) fn first(&self, segment: usize) -> u64 {
        (segment * self.per_segment) as u64 + 1
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn segment(&self, index: usize) -> PathBuf {
        let name = format!("{:020}.jsonl", self.first(index));
        self.path().join("segments").join(name)
    }

    pub(crate) fn remove(&self, segments: Range<usize>) {
        for index in segments {
            fs::remove_file(self.segment(index)).unwrap();
        }
    }

    fn put_checkpoint(&self, note: &str) {
        fs::write(self.path().join("checkpoint"), note).unwrap();
    }

    pub(crate) fn judge(&self) -> Report {
        let anchor = self.subject.anchor(self.subject.len());
        self.judge_with(Some(anchor), &self.subject.keys())
    }

    pub(crate) fn judge_with(&self, head: Option<GivenHead>, keys: &Keyring) -> Report {
        verify_path(self.path(), &options(head, keys))
    }
}

const SEGMENTS: usize = 5;

/// What is done to the segments of a log; the argument is one of them.
struct Damage {
    name: &'static str,
    segments: Range<usize>,
    change: fn(&Directory, usize),
    expected: fn(&Directory, usize) -> Expected,
}

const DAMAGES: [Damage; 9] = [
    Damage {
        name: "removed",
        segments: 0..SEGMENTS,
        change: |log, at| log.remove(at..at + 1),
        expected: |log, at| absent(log.first(at)),
    },
    Damage {
        name: "emptied",
        segments: 0..SEGMENTS,
        change: |log, at| fs::write(log.segment(at), "").unwrap(),
        expected: |log, at| absent(log.first(at)),
    },
    Damage {
        name: "exchanged with the next",
        segments: 0..SEGMENTS - 1,
        change: |log, at| {
            let other = log.path().join("other");
            fs::rename(log.segment(at), &other).unwrap();
            fs::rename(log.segment(at + 1), log.segment(at)).unwrap();
            fs::rename(other, log.segment(at + 1)).unwrap();
        },
        expected: |log, at| tampered(Reason::Seq, log.first(at)),
    },
    Damage {
        name: "put in the place of the next",
        segments: 0..SEGMENTS - 1,
        change: |log, at| {
            fs::copy(log.segment(at), log.segment(at + 1)).unwrap();
        },
        expected: |log, at| tampered(Reason::Seq, log.first(at + 1)),
    },
    Damage {
        name: "doubled behind the end",
        segments: 0..SEGMENTS,
        change: |log, at| {
            fs::copy(log.segment(at), log.segment(SEGMENTS)).unwrap();
        },
        expected: |log, _| tampered(Reason::Seq, log.first(SEGMENTS)),
    },
    Damage {
        name: "under the number after its own",
        segments: 0..SEGMENTS,
        change: |log, at| {
            let name = format!("{:020}.jsonl", log.first(at) + 1);
            fs::rename(log.segment(at), log.path().join("segments").join(name)).unwrap();
        },
        // Its first record is not where the name puts it, which contradicts; that the name leaves one out is less.
        expected: |log, at| tampered(Reason::Seq, log.first(at) + 1),
    },
    Damage {
        name: "doubled under a number within it",
        segments: 0..SEGMENTS,
        change: |log, at| {
            let name = format!("{:020}.jsonl", log.first(at) + 1);
            fs::copy(log.segment(at), log.path().join("segments").join(name)).unwrap();
        },
        expected: |log, at| tampered(Reason::Seq, log.first(at) + 1),
    },
    Damage {
        name: "cut off within its last line",
        segments: 0..SEGMENTS,
        change: |log, at| {
            let whole = fs::read(log.segment(at)).unwrap();
            fs::write(log.segment(at), &whole[..whole.len() - 9]).unwrap();
        },
        expected: |log, at| tampered(Reason::Grammar, log.first(at + 1) - 1),
    },
    Damage {
        name: "without its last record",
        segments: 0..SEGMENTS,
        change: |log, at| {
            let lines = log.lines(at);
            let kept = log.subject.lines[lines.start..lines.end - 1].concat();
            fs::write(log.segment(at), kept).unwrap();
        },
        expected: |log, at| absent(log.first(at + 1) - 1),
    },
];

#[test]
fn a_segment_that_is_not_the_one_at_its_place_is_found() {
    for kind in [Kind::Bare, Kind::Checkpoints, Kind::Records] {
        for damage in &DAMAGES {
            for at in damage.segments.clone() {
                let log = Directory::new(kind, SEGMENTS, 4);
                assert_found("untouched", &log.judge(), VALID);
                (damage.change)(&log, at);
                let what = format!("{kind:?}: segment {at} {}", damage.name);
                assert_found(&what, &log.judge(), (damage.expected)(&log, at));
            }
        }
    }
}

#[test]
fn a_log_that_was_removed_is_never_valid() {
    let log = Directory::new(Kind::Checkpoints, 3, 4);
    log.remove(0..3);
    assert_found("segments", &log.judge(), (3, Some((Reason::Empty, 1))));
    assert_eq!(log.judge().missing, 12);
    fs::remove_dir(log.path().join("segments")).unwrap();
    let found = log.judge();
    assert_eq!(found.exit_code(), 4, "{found}");
}

#[test]
fn a_checkpoint_beside_the_log_that_it_contradicts_is_tampering_whoever_signed_it() {
    for kind in [Kind::Unsigned, Kind::Checkpoints] {
        let log = Directory::new(kind, 3, 4);
        log.put_checkpoint(&log.subject.checkpoint(12));
        assert_found("its own", &log.judge(), VALID);
        let forged = rewritten(&log.subject.lines, 5);
        for index in 0..3 {
            fs::write(log.segment(index), forged[log.lines(index)].concat()).unwrap();
        }
        let report = log.judge_with(None, &Keyring::new());
        assert_found("of the true log", &report, tampered(Reason::Root, 12));
    }
}

#[test]
fn a_checkpoint_of_the_log_itself_shows_that_its_end_is_gone() {
    let log = Directory::new(Kind::Checkpoints, 3, 4);
    log.put_checkpoint(&log.subject.checkpoint(12));
    let keys = log.subject.keys();
    assert_found("whole", &log.judge_with(None, &keys), VALID);
    log.remove(2..3);
    let report = log.judge_with(None, &keys);
    assert_found("trusted by its key", &report, absent(9));
    assert_eq!(report.missing, 4);
    let report = log.judge_with(Some(log.subject.anchor(8)), &keys);
    assert_found("newer than the anchor that was kept", &report, absent(9));
}

#[test]
fn the_checkpoint_of_a_log_rolled_back_together_with_it_does_not_reach_the_head_that_was_kept() {
    let log = Directory::new(Kind::Checkpoints, 3, 4);
    log.remove(2..3);
    log.put_checkpoint(&log.subject.checkpoint(8));
    let report = log.judge_with(None, &log.subject.keys());
    assert_found("to whoever kept nothing", &report, VALID);
    assert_eq!(report.trusted.unwrap().seq, 8);
    assert_found("to whoever kept the head", &log.judge(), absent(9));
}
