//! What can be judged only in order: numbers, links, times, heads, lanes and policy.
//!
//! The rules stand in a module each, by what they are about.

mod about_the_log;
mod arriving;
mod candidate;
mod completeness;
mod erasure;
mod heads;
mod key_reports;
mod keys;
mod line;
mod pruned;
mod resume;
mod tail;
mod tiles;
mod tree;
mod trial;
mod witnesses;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use counterfoil_core::{ChainId, Digest, Head};
use counterfoil_merkle::Subtrees;

use super::VerifyOptions;
use super::batch::Batch;
use super::erasure::Erasure;
use super::findings::{Findings, Place};
use super::heads::Mark;
use super::lanes::Lanes;
use super::log_keys::KeySource;
use super::policy::Policy;
use super::reason::{Reason, Verdict};
use super::report::{HeadSource, MissingRange, Report, Tail};
use crate::SrcId;
use crate::source::LogFile;
use candidate::Candidate;
use pruned::Pruned;
use resume::Keeping;
use tiles::Tiles;
use tree::Tree;

/// Goes through a log line by line.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    options: &'a VerifyOptions<'a>,
    known: KeySource<'a>,
    pub(crate) findings: Findings,
    /// What stands behind the log in its folder.
    stored: Option<String>,
    marks: Vec<Mark>,
    trusted: Option<Head>,
    candidate: Option<Candidate>,
    /// Position of the next line.
    position: u64,
    /// Number that the next line should state.
    expected: u64,
    before: Before,
    id: Vec<u8>,
    tree: Tree,
    tiles: Tiles,
    lanes: Lanes,
    /// Index in `lanes` of each source of the batch at hand.
    indexes: Vec<usize>,
    policy: Policy,
    records: u64,
    malformed_lines: u64,
    /// Number of the first record that is there.
    first_seq: Option<u64>,
    missing_ranges: Vec<MissingRange>,
    missing_records: u64,
    head_from: Option<HeadSource>,
    /// When the records at the heads were sealed.
    heads_sealed: BTreeMap<u64, [u8; 30]>,
    tail: Tail,
    oldest_tail: Option<[u8; 30]>,
    began: bool,
    erasure: Erasure,
    /// The directory of the log, where it has one.
    folder: Option<PathBuf>,
    pruned: Option<Pruned>,
    keeping: Keeping,
}

/// What the next line is compared with.
#[derive(Clone, Copy, Debug)]
struct Before {
    /// The stated hash, where it is known.
    hash: Option<[u8; 64]>,
    time: [u8; 30],
}

impl<'a> Judge<'a> {
    pub(crate) fn new(options: &'a VerifyOptions<'a>, stored: Option<String>) -> Self {
        let mut judge = Self::with_keys(options, options.key_source());
        judge.stored = stored;
        judge.read_heads();
        judge
    }

    /// Trusts no head, and these keys instead of those of the options.
    fn with_keys(options: &'a VerifyOptions<'a>, known: KeySource<'a>) -> Self {
        Self {
            options,
            findings: Findings::new(options.max_failures, options.diagnose),
            stored: None,
            marks: Vec::new(),
            trusted: None,
            candidate: None,
            position: 1,
            expected: 1,
            before: Before {
                hash: Some([b'0'; 64]),
                time: *b"1970-01-01T00:00:00.000000000Z",
            },
            id: Vec::new(),
            tree: Tree::new(),
            tiles: Tiles::default(),
            lanes: Lanes::default(),
            indexes: Vec::new(),
            policy: Policy::new(&known.keys),
            known,
            records: 0,
            malformed_lines: 0,
            first_seq: None,
            missing_ranges: Vec::new(),
            missing_records: 0,
            head_from: None,
            heads_sealed: BTreeMap::new(),
            tail: Tail::default(),
            oldest_tail: None,
            began: false,
            erasure: Erasure::default(),
            folder: None,
            pruned: None,
            keeping: Keeping::default(),
        }
    }

    /// The folder of the log holds more than its records.
    pub(crate) fn log_folder(&mut self, log: &Path) {
        if !self.options.hash_only {
            self.erasure.look_into(log);
        }
        if let Some(head) = &self.trusted {
            self.tiles.look_into(log, head.seq);
        }
        self.folder = Some(log.to_owned());
    }

    /// A file begins.
    pub(crate) fn file(&mut self, file: &LogFile) {
        let Some(first) = file.first_seq else {
            return;
        };
        let begins_late = !self.began && first > 1;
        if begins_late && self.begin_pruned(first) {
            // Judged at the end.
        } else if first > self.expected || begins_late {
            self.absent(first, &Place::new(&file.path, 0));
        } else if first < self.expected {
            self.findings.add(
                Reason::Seq,
                Some(first),
                &Place::new(&file.path, 0),
                format!(
                    "the segment's name begins at record {first}, and the segments before end at {}",
                    self.expected - 1
                ),
            );
            self.lose_records();
            self.before.hash = None;
            self.expected = first;
        }
        self.position = first;
        self.began = true;
        self.keep_segment(None, Some(first));
    }

    /// Whole lines.
    pub(crate) fn batch(&mut self, batch: &Batch, file: &LogFile) {
        let parsed = &batch.parsed;
        self.sources(&parsed.sources);
        let joined = parsed.subtrees.as_ref().is_some_and(|run| self.join(run));
        for line in &parsed.lines {
            let place = Place::new(&file.path, batch.offset + line.at() as u64);
            self.line(line.bytes(&batch.bytes), line, &place, joined);
            if self.findings.verdict() != Verdict::Tampered {
                self.tail.consistent = self.tail.records;
            }
        }
    }

    /// The sources that the next lines name.
    fn sources(&mut self, sources: &[SrcId]) {
        self.indexes.clear();
        for source in sources {
            self.indexes.push(self.lanes.index(*source));
        }
    }

    /// Takes a batch's nodes into the tree, unless a root is asked for in the middle of it.
    fn join(&mut self, run: &Subtrees) -> bool {
        let within = |mark: &Mark| (run.start() + 1..run.end()).contains(&mark.seq);
        !self.marks.iter().any(within) && !self.wants_state_at(run.end()) && self.tree.join(run)
    }

    /// The end of the log.
    pub(crate) fn finish(mut self, log: String, bytes: u64) -> Report {
        if self.records == 0 {
            self.findings.position(
                Reason::Empty,
                1,
                if self.tail.unfinished_bytes > 0 {
                    "there is an unfinished line and no record, so nothing was verified"
                } else {
                    "there is no record, so nothing was verified"
                }
                .to_owned(),
            );
        }
        self.policy.epochs.finish(self.expected - 1);
        self.confirm_candidate();
        let missing = self.judge_heads();
        let head_age = self.head_age();
        self.judge_tiles();
        let signed_by = self.judge_keys();
        let cosigned_by = self.judge_trust();
        let unread = missing > 0 || self.malformed_lines > 0;
        let pruned = self.judge_pruned();
        let completeness = self.judge_lanes(unread);
        self.judge_tail();
        let erasables = self.judge_erasure();
        let keys = self.key_reports(&signed_by);
        let end = self.end();
        let verdict = self.findings.verdict();
        let state = self.state().filter(|_| verdict == Verdict::Valid);
        let (failures, failures_total) = self.findings.finish();
        let (lanes, completeness) = completeness;
        Report {
            log,
            records: self.records,
            bytes,
            first_seq: self.first_seq,
            last_seq: self.first_seq.map(|_| self.expected - 1),
            keys,
            trusted: self.trusted,
            head_from: self.head_from,
            head_age,
            end,
            missing,
            missing_ranges: self.missing_ranges,
            missing_records: self.missing_records,
            tail: self.tail,
            completeness,
            lanes,
            erasables,
            pruned,
            hash_only: self.options.hash_only,
            signatures_verified: self.policy.signatures_verified(),
            signatures_not_checked: self.policy.signatures_not_checked(),
            signed_by,
            cosigned_by,
            rotations_followed: self.policy.log_keys.followed,
            epoch: self.policy.epochs.number(),
            state_used: self.keeping.used,
            state,
            failures,
            failures_total,
            verdict,
        }
    }

    fn end(&mut self) -> Option<Head> {
        let hash = Digest::from_hex(&self.before.hash?)?;
        let chain = ChainId::new(std::str::from_utf8(&self.id).ok()?).ok()?;
        let seq = self.expected - 1;
        (seq > 0).then(|| Head {
            chain,
            seq,
            hash,
            root: self.tree.root_at(seq),
        })
    }
}
