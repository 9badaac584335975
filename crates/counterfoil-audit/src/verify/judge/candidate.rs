//! A stored checkpoint that no given key signed. It becomes a trusted head if rotations in the log lead from a given key to the
//! one that did, which is known only at the log's end.

use counterfoil_core::{ChainId, Digest, Head};

use super::Judge;
use crate::verify::heads::{ReadCheckpoint, Role};
use crate::verify::report::HeadSource;

/// The checkpoint, and the tail beyond it.
#[derive(Debug)]
pub(super) struct Candidate {
    read: ReadCheckpoint,
    pub(super) head: Head,
    tail: u64,
    oldest: Option<[u8; 30]>,
}

impl Candidate {
    /// `None` where no given key could be followed to it.
    pub(super) fn new(read: ReadCheckpoint, judge: &Judge<'_>) -> Option<Self> {
        let said = &read.checkpoint;
        let chain = ChainId::new(said.origin()).ok()?;
        let mut given = judge.known.keys.keys();
        let followed = given.any(|key| Role::of(key, said.origin()) == Role::Log)
            && judge
                .trusted
                .as_ref()
                .is_none_or(|head| head.seq < said.size());
        let head = Head {
            chain,
            seq: said.size(),
            hash: Digest::ZERO,
            root: Some(said.root()),
        };
        followed.then_some(Self {
            read,
            head,
            tail: 0,
            oldest: None,
        })
    }

    /// A record was read.
    pub(super) fn count(&mut self, seq: u64, time: [u8; 30]) {
        if seq > self.head.seq {
            self.tail += 1;
            self.oldest.get_or_insert(time);
        }
    }
}

impl Judge<'_> {
    /// At the end of the log: whether the candidate is a trusted head.
    pub(super) fn confirm_candidate(&mut self) {
        let Some(candidate) = self.candidate.take() else {
            return;
        };
        let (read, chain) = (&candidate.read, candidate.head.chain.as_str());
        let log_keys = &self.policy.log_keys;
        if !log_keys
            .signers(read, chain, self.known.checker())
            .is_empty()
        {
            self.tail.records = candidate.tail;
            self.tail.consistent = self.tail.consistent.min(candidate.tail);
            self.head_from = Some(HeadSource::StoredCheckpoint);
            self.oldest_tail = candidate.oldest;
            self.trusted = Some(candidate.head);
        }
    }
}
