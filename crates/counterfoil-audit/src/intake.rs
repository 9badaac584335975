//! Verifying a foreign chain as it arrives, in any chunks (audit specification §10 to §12).
//!
//! The judge is the one of [`verify`](crate::verify): the same lines are refused, for the same reasons. The difference is when: a
//! verification reads to the end and reports all, an intake stops before the first line that does not fit, and that line leaves no
//! trace. What was accepted is a sound chain from record 1 on, whatever came behind it.
//!
//! Numbers that are missing within a lane are no reason to refuse: completeness is a verdict of its own (§7).
//!
//! ```
//! use std::sync::Arc;
//! use counterfoil_audit::intake::Intake;
//! use counterfoil_audit::verify::Reason;
//! use counterfoil_signer::Keyring;
//!
//! let chain = "audit.example.com/leases/1".parse()?;
//! let mut intake = Intake::new(chain, Arc::new(Keyring::new()), None);
//! let offered = intake.offer(b"no record\n");
//! let refused = offered.refused.expect("it is no line of a log");
//! assert_eq!((refused.reason, refused.seq), (Reason::Grammar, 1));
//! assert_eq!((offered.bytes, intake.seq()), (0, 0));
//! # Ok::<(), counterfoil_core::Error>(())
//! ```

mod recent;
mod refused;

use std::fmt;
use std::sync::Arc;

use counterfoil_core::{ChainId, Digest, Head};
use counterfoil_signer::Keyring;

use crate::line::MAX_LINE;
pub use crate::log::kind_counts::Kinds;
use crate::verify::batch::{BatchReader, Line, Parsed};
use crate::verify::heads::ReadCheckpoint;
use crate::verify::judge::Judge;
use crate::verify::log_keys::{KeySource, Keys};
use crate::verify::{KeyReader, Reason, VerifiedState};
pub(crate) use recent::Recent;
pub use refused::Refused;

/// Bytes that are judged at once: enough for hashing side by side, and little enough to stay in the cache of a core. A line fits.
const BATCH: usize = 1 << 17;

/// Most lanes of one chain, closed ones included. Each stays for as long as the intake lives: some 300 bytes, and up to 4 096 runs of
/// numbers where the lane has gaps.
pub const MAX_CHAIN_LANES: usize = 1 << 16;

/// Verifies one chain as it arrives, from record 1 on.
///
/// Its memory grows with what the chain says about itself and not with its records: an entry per lane ([`MAX_CHAIN_LANES`]), per
/// producer instance that closed and per key that was in force, and the records about the policy, of which 16 MiB are kept. It is
/// `Send`: one thread at a time judges a chain.
pub struct Intake {
    chain: ChainId,
    judge: Judge<'static>,
    reader: BatchReader<'static>,
    parsed: Parsed,
    last: Option<(u64, Digest)>,
    recent: Recent,
    most_lanes: usize,
}

/// What became of offered lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offered {
    /// Bytes accepted: whole lines from the beginning of what was offered. What follows them was not looked at, or is the beginning of
    /// a line to be offered again with its rest, or is what `refused` is about.
    pub bytes: usize,
    /// Records accepted.
    pub records: u64,
    /// The kinds of these.
    pub kinds: Kinds,
    /// Why the line behind the accepted ones does not fit; `None` where all whole lines did.
    pub refused: Option<Refused>,
}

/// A checkpoint that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpointed {
    /// How many records it is over.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// The verifier keys that signed it and count: the registered one, or one that rotations lead to from there.
    pub signed_by: Vec<String>,
}

impl Intake {
    /// Judges `chain` from its first record on. `keys` are trusted as in [`VerifyOptions::keys`](crate::verify::VerifyOptions): for
    /// a producer that registered, its log key. Rotations and epochs are followed from there, with `reader` for the keys that the
    /// chain names; without one they are not, and signatures of those keys are not checked.
    #[must_use]
    pub fn new(chain: ChainId, keys: Arc<Keyring>, reader: Option<KeyReader>) -> Self {
        let keys = Keys::Shared(keys);
        let known = KeySource {
            keys: keys.clone(),
            reader,
        };
        Self {
            judge: Judge::of_chain(&chain, known),
            reader: BatchReader::new(keys, false),
            parsed: Parsed::default(),
            last: None,
            recent: Recent::default(),
            most_lanes: MAX_CHAIN_LANES,
            chain,
        }
    }

    /// Goes on from what [`save`](Self::save) gave for this chain and these keys; `None` for anything else.
    pub(crate) fn resume(
        chain: ChainId,
        keys: Arc<Keyring>,
        reader: Option<KeyReader>,
        state: &VerifiedState,
    ) -> Option<Self> {
        let mut intake = Self::new(chain, keys, reader);
        intake.judge.resume_from(state)?;
        intake.last = intake.judge.last();
        Some(intake)
    }

    /// What is known here, to go on from; the next record would begin at byte `offset` of segment `segment`.
    pub(crate) fn save(&self, segment: u64, offset: u64) -> Option<VerifiedState> {
        self.judge.save(segment, offset)
    }

    /// Bounds the lanes, or does not: what was accepted once is accepted again.
    pub(crate) const fn bound_lanes(&mut self, most: usize) {
        self.most_lanes = most;
    }

    /// The root over records 1 to `size`, if that is one of the last sizes.
    pub(crate) fn recent_root(&self, size: u64) -> Option<Digest> {
        self.recent.root_at(size)
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &ChainId {
        &self.chain
    }

    /// Number of the last record that was accepted; 0 before the first.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.last.map_or(0, |(seq, _)| seq)
    }

    /// The hash of that record; `None` before the first.
    #[must_use]
    pub fn hash(&self) -> Option<Digest> {
        self.last.map(|(_, hash)| hash)
    }

    /// The head over everything that was accepted, with its root; `None` before the first record. The root takes some ten hashes,
    /// so whoever needs only number and hash asks for those.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        let (seq, hash) = self.last?;
        Some(Head {
            chain: self.chain.clone(),
            seq,
            hash,
            root: Some(self.judge.tree().root()),
        })
    }

    /// Takes the whole lines of `lines` that fit, up to the first that does not. Bytes behind the last line feed are left for the next
    /// time, unless they are longer than any line.
    pub fn offer(&mut self, lines: &[u8]) -> Offered {
        self.offer_each(lines, |_, _, _| {})
    }

    /// The same, and gives what was accepted to `taken`: some lines, what was found out about each, and the roots there.
    pub(crate) fn offer_each(
        &mut self,
        lines: &[u8],
        mut taken: impl FnMut(&[u8], &[Line], &Recent),
    ) -> Offered {
        let mut offered = Offered::default();
        while offered.refused.is_none() {
            let rest = &lines[offered.bytes..];
            match whole_lines(rest) {
                Some(batch) => self.batch(batch, &mut offered, &mut taken),
                None if rest.len() > MAX_LINE => {
                    offered.refused = Some(Refused::too_long(self.seq() + 1));
                }
                None => break,
            }
        }
        offered
    }

    fn batch(
        &mut self,
        batch: &[u8],
        offered: &mut Offered,
        taken: &mut impl FnMut(&[u8], &[Line], &Recent),
    ) {
        if self.judge.lanes() >= self.most_lanes {
            offered.refused = Some(Refused::too_many_lanes(self.seq() + 1));
            return;
        }
        self.reader.read(batch, &mut self.parsed);
        self.recent.before(self.judge.tree());
        let (fitting, failure) = self.judge.take(batch, &self.parsed);
        let lines = &self.parsed.lines[..fitting];
        for line in lines {
            if let (Ok(form), Some(hash)) = (&line.form, line.hash()) {
                offered.kinds.count(form.kind);
                self.recent.push(hash);
            }
        }
        let bytes = lines.last().map_or(0, |line| line.end());
        self.last = self.judge.last();
        offered.bytes += bytes;
        offered.records += fitting as u64;
        offered.refused = failure.map(|failure| Refused::of_line(failure, self.seq() + 1));
        taken(&batch[..bytes], lines, &self.recent);
    }

    /// Judges a signed note over records that were accepted, by the chain's sealed policy: of this chain, with the root that the
    /// records have at its size, signed by a trusted log key that counts there, and by the key of its epoch where there are epochs.
    /// Lines of other keys say nothing.
    ///
    /// Its size may be any of about the last thousand; it is best offered right behind the record that it is over.
    ///
    /// # Errors
    /// Why it does not count: [`Reason::Unreadable`], [`Reason::Id`], [`Reason::Absent`] when it is over records that were not
    /// accepted yet, [`Reason::Root`] when it vouches for other records than these, [`Reason::Signature`], [`Reason::Key`]; [`Reason::Head`]
    /// when it is over none or too old to be judged.
    pub fn checkpoint(&self, note: &str) -> Result<Checkpointed, Refused> {
        self.checkpoint_at(note, |size, _| self.recent.root_at(size))
    }

    /// The same, where `root_at` knows the roots, given the size and what the note says.
    pub(crate) fn checkpoint_at(
        &self,
        note: &str,
        root_at: impl FnOnce(u64, Digest) -> Option<Digest>,
    ) -> Result<Checkpointed, Refused> {
        let read = ReadCheckpoint::parse(note).map_err(|why| {
            let detail = format!("the checkpoint cannot be read: {why}");
            Refused::new(Reason::Unreadable, self.seq(), detail)
        })?;
        let (size, said) = (read.checkpoint.size(), read.checkpoint.root());
        let refused = |(reason, detail)| Refused::new(reason, size, detail);
        if size > self.seq() {
            let detail = format!(
                "the checkpoint is over {size} records, and the last one here is {}",
                self.seq()
            );
            return Err(refused((Reason::Absent, detail)));
        }
        let signed_by = self.judge.arriving(&read).map_err(refused)?;
        let Some(root) = root_at(size, said).filter(|_| size > 0) else {
            let detail = format!(
                "the checkpoint is over {size} records, which no root is known of any more; send a newer one"
            );
            return Err(refused((Reason::Head, detail)));
        };
        if root != said {
            return Err(Refused::other_root(size, root, said));
        }
        Ok(Checkpointed {
            size,
            root,
            signed_by,
        })
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake")
            .field("chain", &self.chain)
            .field("seq", &self.seq())
            .finish_non_exhaustive()
    }
}

/// The whole lines at the beginning, as many as are judged at once; `None` where no line ends.
fn whole_lines(bytes: &[u8]) -> Option<&[u8]> {
    let some = &bytes[..bytes.len().min(BATCH)];
    let end = memchr::memrchr(b'\n', some)?;
    Some(&bytes[..=end])
}
