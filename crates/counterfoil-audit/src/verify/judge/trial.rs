//! Judging lines as they arrive: those that fit stay, and the first that does not leaves no trace.

use std::sync::LazyLock;

use counterfoil_core::{ChainId, Digest};
use counterfoil_merkle::CompactRange;

use super::{Before, Judge};
use crate::verify::VerifyOptions;
use crate::verify::batch::{Line, Parsed};
use crate::verify::findings::Place;
use crate::verify::log_keys::KeySource;
use crate::verify::policy::Policy;
use crate::verify::reason::Verdict;
use crate::verify::report::Failure;
use crate::verify::state::{VerifiedState, keys_of};

/// What is wrong with one line is few things.
static OPTIONS: LazyLock<VerifyOptions<'static>> = LazyLock::new(|| VerifyOptions {
    max_failures: 16,
    keep_state: true,
    ..VerifyOptions::new()
});

/// What a judge knew before it judged some lines, but for the lanes, which keep that themselves.
#[derive(Debug)]
struct Known {
    position: u64,
    expected: u64,
    before: Before,
    id: Vec<u8>,
    first_seq: Option<u64>,
    records: u64,
    tree: CompactRange,
    policy: Policy,
}

impl Judge<'static> {
    /// Judges a chain from its first record on.
    pub(crate) fn of_chain(chain: &ChainId, known: KeySource<'static>) -> Self {
        let mut judge = Self::with_keys(&OPTIONS, known);
        judge.policy.epochs.remember();
        chain.as_str().as_bytes().clone_into(&mut judge.id);
        // A record that is not the first one is out of sequence here, and no sign of an absent beginning.
        judge.began = true;
        judge
    }

    /// Takes the lines that fit, up to the first that does not: how many they are, and what is wrong with that one.
    pub(crate) fn take(&mut self, bytes: &[u8], parsed: &Parsed) -> (usize, Option<Failure>) {
        let known = self.known_before();
        self.lanes.begin_trial();
        self.sources(&parsed.sources);
        let joined = parsed.subtrees.as_ref().is_some_and(|run| self.join(run));
        let fitting = self.fitting(bytes, &parsed.lines, joined);
        let Some(failure) = self.findings.take_first() else {
            self.lanes.keep_trial();
            self.tree.grow();
            return (fitting, None);
        };
        self.go_back(known);
        self.take_again(bytes, parsed, fitting);
        (fitting, Some(failure))
    }

    /// The hash of the last record; `None` before the first.
    pub(crate) fn last(&self) -> Option<(u64, Digest)> {
        let hash = Digest::from_hex(&self.before.hash?)?;
        (self.expected > 1).then(|| (self.expected - 1, hash))
    }

    /// The tree over the records so far.
    pub(crate) fn tree(&self) -> &CompactRange {
        self.tree.grown()
    }

    /// How many lanes there are.
    pub(crate) const fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// What is known before the next record, which would begin at byte `offset` of the segment that begins with record `segment`;
    /// `None` before the first, and where the records about the policy are too much to be kept.
    pub(crate) fn save(&self, segment: u64, offset: u64) -> Option<VerifiedState> {
        self.last()?;
        self.state_here(Some(segment), offset)
    }

    /// Goes on from what was saved.
    pub(crate) fn resume_from(&mut self, state: &VerifiedState) -> Option<()> {
        let same = state.chain.as_bytes() == self.id && state.keys == keys_of(&self.known.keys);
        same.then(|| self.restore(state))?
    }

    /// Judges lines that were found to fit.
    fn take_again(&mut self, bytes: &[u8], parsed: &Parsed, fitting: usize) {
        let lines = &parsed.lines[..fitting];
        // Sources are numbered in the order in which lines name them.
        let named = lines.iter().filter_map(|line| line.form.as_ref().ok());
        let sources = named.map(|form| form.source as usize + 1).max();
        self.sources(&parsed.sources[..sources.unwrap_or(0)]);
        let again = self.fitting(bytes, lines, false);
        debug_assert_eq!(again, fitting, "what fitted once fits again");
        self.tree.grow();
    }

    /// Judges lines up to the first with a finding; how many come before it.
    fn fitting(&mut self, bytes: &[u8], lines: &[Line], joined: bool) -> usize {
        for (at, line) in lines.iter().enumerate() {
            self.line(line.bytes(bytes), line, &Place::none(), joined);
            if self.findings.verdict() != Verdict::Valid {
                return at;
            }
        }
        lines.len()
    }

    fn known_before(&self) -> Known {
        Known {
            position: self.position,
            expected: self.expected,
            before: self.before,
            id: self.id.clone(),
            first_seq: self.first_seq,
            records: self.records,
            tree: self.tree.grown().clone(),
            policy: self.policy.clone(),
        }
    }

    fn go_back(&mut self, known: Known) {
        self.position = known.position;
        self.expected = known.expected;
        self.before = known.before;
        self.id = known.id;
        self.first_seq = known.first_seq;
        self.records = known.records;
        self.malformed_lines = 0;
        self.tree.go_back_to(known.tree);
        self.policy = known.policy;
        self.keeping.forget_from(known.expected);
        self.lanes.undo_trial();
    }
}
