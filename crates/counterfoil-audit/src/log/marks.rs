//! How far records were acknowledged, and whether the log agrees: the opening table of the audit specification (§8).

use std::path::Path;

use counterfoil_anchor::Anchor;
use counterfoil_core::{ChainId, Digest, Head};
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::SignedNote;

use crate::log::recovery::Found;
use crate::log::segment::SyncedNote;
use crate::{ChainRestartReason, Error, ErrorKind};

const OPEN: &str = "open the audit log";

/// Everything outside the segments that vouches for records.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pub(crate) anchor: Option<Head>,
    checkpoint: Option<Mark>,
    synced: Option<SyncedNote>,
}

/// A published checkpoint: it names no hash, but a root.
#[derive(Debug)]
struct Mark {
    origin: String,
    size: u64,
    root: Digest,
}

/// Why a log is not opened, and what a restart of the chain would say about it.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) error: Error,
    pub(crate) reason: ChainRestartReason,
}

impl Marks {
    /// Collects the marks. `checkpoint` and `note` are the contents of those files, where they exist.
    pub(crate) fn collect(
        anchor: Option<&Anchor>,
        checkpoint: Option<&[u8]>,
        note: Option<&[u8]>,
    ) -> Self {
        Self {
            anchor: anchor.map(|anchor| anchor.head().clone()),
            checkpoint: checkpoint.and_then(Mark::parse),
            synced: note
                .and_then(SyncedNote::from_text)
                .filter(|note| note.seq > 0),
        }
    }

    /// The numbers at which the log has to be looked at.
    pub(crate) fn wanted(&self) -> Vec<u64> {
        let anchor = self.anchor.as_ref().map(|head| head.seq);
        let checkpoint = self.checkpoint.as_ref().map(|mark| mark.size);
        let synced = self.synced.map(|note| note.seq);
        [anchor, checkpoint, synced].into_iter().flatten().collect()
    }

    /// The durable mark of `chain`.
    pub(crate) fn durable(&self, chain: &ChainId) -> u64 {
        let anchor = self.anchor.as_ref().filter(|head| head.chain == *chain);
        let checkpoint = self
            .checkpoint
            .as_ref()
            .filter(|mark| mark.origin == chain.as_str());
        anchor
            .map_or(0, |head| head.seq)
            .max(checkpoint.map_or(0, |mark| mark.size))
            .max(self.synced.map_or(0, |note| note.seq))
    }

    /// How far hash tiles of `chain` are known to be published: a head over them was anchored, and its checkpoint published
    /// where it is signed.
    pub(crate) fn tiled(&self, chain: &ChainId) -> u64 {
        let anchor = self.anchor.as_ref().filter(|head| head.chain == *chain);
        let checkpoint = self
            .checkpoint
            .as_ref()
            .filter(|mark| mark.origin == chain.as_str());
        match (anchor, checkpoint) {
            (Some(head), Some(mark)) => head.seq.min(mark.size),
            (Some(head), None) => head.seq,
            (None, _) => 0,
        }
    }

    /// The last record that anything vouches for, to be named when the chain is restarted.
    pub(crate) fn vouched(&self) -> Option<Head> {
        self.anchor.clone()
    }

    /// Whether what was found holds everything that is vouched for.
    pub(crate) fn judge(&self, found: &Found, dir: &Path) -> Result<(), Box<Refusal>> {
        let place = dir.display();
        let Some(chain) = &found.chain else {
            return self.judge_absent(found, dir);
        };
        if let Some(anchor) = &self.anchor
            && anchor.chain.incarnation() > chain.incarnation()
        {
            return Err(Refusal::missing(format!(
                "the log in {place} is {chain}, and its anchor vouches for the later {}. Restore the log of that \
                 incarnation",
                anchor.chain
            )));
        }
        let mark = self.durable(chain);
        if let Some(bad) = &found.bad
            && bad.seq <= mark
        {
            return Err(Refusal::damaged(format!(
                "record {} in segment {} of {place} is damaged ({}), and records up to {mark} were acknowledged. Nothing \
                 was changed; restore the segment from a copy",
                bad.seq, bad.segment, bad.reason
            )));
        }
        if found.seq < mark {
            return Err(Refusal::missing(format!(
                "the log in {place} ends at record {}, and records up to {mark} were acknowledged. Nothing was changed; \
                 restore the missing segments from a copy",
                found.seq
            )));
        }
        self.judge_heads(found, chain, dir)
    }

    fn judge_absent(&self, found: &Found, dir: &Path) -> Result<(), Box<Refusal>> {
        let vouched = self
            .anchor
            .as_ref()
            .map(|head| (head.seq, head.chain.to_string()))
            .or_else(|| {
                let mark = self.checkpoint.as_ref()?;
                Some((mark.size, mark.origin.clone()))
            })
            .or_else(|| Some((self.synced?.seq, "the chain that was here".to_owned())));
        let Some((seq, chain)) = vouched else {
            return Ok(());
        };
        let place = dir.display();
        if found.bad.is_some() {
            return Err(Refusal::damaged(format!(
                "record 1 of the log in {place} is damaged, and records up to {seq} of {chain} were acknowledged. Nothing \
                 was changed; restore the segment from a copy"
            )));
        }
        Err(Box::new(Refusal {
            error: Error::new(
                ErrorKind::Missing,
                OPEN,
                format!(
                    "the log in {place} has no records, and records up to {seq} of {chain} were acknowledged. Restore the \
                     log, or open it with open_or_restart to begin the next incarnation"
                ),
            ),
            reason: ChainRestartReason::LogAbsent,
        }))
    }

    fn judge_heads(&self, found: &Found, chain: &ChainId, dir: &Path) -> Result<(), Box<Refusal>> {
        for head in &found.at {
            let anchor = self
                .anchor
                .as_ref()
                .filter(|anchor| anchor.chain == *chain && anchor.seq == head.seq)
                .is_none_or(|anchor| anchor.agrees_with(head));
            let checkpoint = self
                .checkpoint
                .as_ref()
                .filter(|mark| mark.origin == chain.as_str() && mark.size == head.seq)
                .is_none_or(|mark| Some(mark.root) == head.root);
            let synced = self
                .synced
                .filter(|note| note.seq == head.seq)
                .is_none_or(|note| note.hash == head.hash);
            for (agrees, who) in [
                (anchor, "its anchor"),
                (checkpoint, "the file checkpoint"),
                (synced, "the note in the file lock"),
            ] {
                if !agrees {
                    return Err(Refusal::damaged(format!(
                        "record {} of {chain} in {} is not the one that {who} vouches for: the log was exchanged or \
                         changed. Nothing was changed now; restore it from a copy",
                        head.seq,
                        dir.display()
                    )));
                }
            }
        }
        Ok(())
    }
}

impl Mark {
    fn parse(text: &[u8]) -> Option<Self> {
        let note = SignedNote::parse(std::str::from_utf8(text).ok()?).ok()?;
        let checkpoint = Checkpoint::parse(note.text()).ok()?;
        Some(Self {
            origin: checkpoint.origin().to_owned(),
            size: checkpoint.size(),
            root: checkpoint.root(),
        })
    }
}

impl Refusal {
    pub(crate) fn missing(why: String) -> Box<Self> {
        Box::new(Self {
            error: Error::new(ErrorKind::Missing, OPEN, why),
            reason: ChainRestartReason::AnchorAhead,
        })
    }

    fn damaged(why: String) -> Box<Self> {
        Box::new(Self {
            error: Error::new(ErrorKind::Corrupt, OPEN, why),
            reason: ChainRestartReason::LogDamaged,
        })
    }
}
