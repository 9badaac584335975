//! The lease record that every row is about, in the forms that the sides take.

use counterfoil::audit::{AuditChain, Instance, Lane, SrcId};
use counterfoil::{ChainId, EventWords, SystemClock, Timeline};

use crate::group::Outcome;
use crate::lifecycle::{sample_body, sample_words};

/// What a queue entry holds, what is hashed of it, and a clock reading to seal it at.
pub(crate) struct Subject {
    pub(crate) id: ChainId,
    pub(crate) src: SrcId,
    pub(crate) words: EventWords,
    pub(crate) timeline: Timeline,
    /// 0x00 and the body: the bytes that are hashed.
    pub(crate) hashed: Vec<u8>,
}

impl Subject {
    pub(crate) fn new() -> Outcome<Self> {
        let clock = SystemClock::new();
        Ok(Self {
            id: "bench.example.com/leases/1".parse()?,
            src: SrcId::new(Instance(1), Lane::thread(0)),
            words: sample_words(&clock)?,
            timeline: Timeline::read(&clock),
            hashed: sample_body()?,
        })
    }

    /// The body as the payload of a peer: the same number of bytes, less the prefix.
    pub(crate) fn payload(&self) -> &str {
        // A body is JSON, and so UTF-8.
        std::str::from_utf8(&self.hashed[1..]).unwrap_or_default()
    }

    /// Seals the record as the next of `chain`.
    pub(crate) fn seal(&self, chain: &mut AuditChain, out: &mut Vec<u8>, n: u64) -> bool {
        let now = self.timeline.utc();
        chain
            .seal_event(out, &self.words, &self.src, n, &self.timeline, now)
            .is_ok()
    }

    /// A log of `records` lines.
    pub(crate) fn log(&self, records: u64) -> Outcome<Vec<u8>> {
        let mut chain = AuditChain::new(self.id.clone());
        let mut lines = Vec::new();
        for n in 1..=records {
            if !self.seal(&mut chain, &mut lines, n) {
                return Err("the sample record could not be sealed".into());
            }
        }
        Ok(lines)
    }
}
