//! The keys that sign heads, each for the sizes that it counts for (audit specification §6).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use counterfoil_core::Head;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::SignedNote;
use counterfoil_signer::{SignError, Signer, sign_checkpoint, sign_note_text};

/// Who signs heads. The sealer knows when a key takes over and says so here; the anchoring thread signs.
#[derive(Debug)]
pub(crate) struct HeadSigners {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    log: Spans,
    epochs: Spans,
}

/// Keys of one role in the order in which they took over.
#[derive(Debug, Default)]
struct Spans(Vec<Span>);

#[derive(Clone, Debug)]
struct Span {
    /// It counts for heads of more records than this.
    above: u64,
    signer: Arc<dyn Signer>,
}

impl Spans {
    fn at(&self, seq: u64) -> Option<Arc<dyn Signer>> {
        let span = self.0.iter().rev().find(|span| span.above < seq)?;
        Some(Arc::clone(&span.signer))
    }

    /// Lets go of all but the newest.
    fn retire(&mut self) {
        let newest = self.0.len().saturating_sub(1);
        self.0.drain(..newest);
    }
}

/// What becomes of a head.
#[derive(Debug)]
pub(crate) enum HeadNote {
    /// The mode is `none`.
    Unsigned,
    Signed(SignedNote),
    /// The key for this size is gone; a larger head follows.
    Superseded,
}

impl HeadSigners {
    pub(crate) fn new(log: Arc<dyn Signer>) -> Self {
        Self {
            inner: Mutex::new(Inner {
                log: Spans(vec![Span {
                    above: 0,
                    signer: log,
                }]),
                epochs: Spans::default(),
            }),
        }
    }

    /// The log key for the heads to come.
    pub(crate) fn log_key(&self) -> Option<Arc<dyn Signer>> {
        self.lock().log.at(u64::MAX)
    }

    /// `signer` is the log key for heads of more records than `above`.
    pub(crate) fn log_key_from(&self, above: u64, signer: Arc<dyn Signer>) {
        self.lock().log.0.push(Span { above, signer });
    }

    /// `signer` is the epoch key for heads of more records than `above`.
    pub(crate) fn epoch_from(&self, above: u64, signer: Arc<dyn Signer>) {
        self.lock().epochs.0.push(Span { above, signer });
    }

    /// Lets go of the log keys that were replaced: their last heads are signed.
    pub(crate) fn retire_log_keys(&self) {
        self.lock().log.retire();
    }

    /// Lets go of the keys of epochs that have ended, which erases them.
    pub(crate) fn retire_epochs(&self) {
        self.lock().epochs.retire();
    }

    /// Signs a head: the log key first, and behind it the key of the epoch.
    pub(crate) fn sign(&self, head: &Head) -> Result<HeadNote, SignError> {
        let Some(root) = head.root else {
            return Ok(HeadNote::Unsigned);
        };
        // Not under the lock, for a signer may be on another machine and the sealer must not wait for it.
        let (log, epoch, in_epochs) = {
            let inner = self.lock();
            let in_epochs = !inner.epochs.0.is_empty();
            (inner.log.at(head.seq), inner.epochs.at(head.seq), in_epochs)
        };
        let Some(log) = log else {
            return Ok(HeadNote::Superseded);
        };
        if in_epochs && epoch.is_none() {
            return Ok(HeadNote::Superseded);
        }
        let checkpoint =
            Checkpoint::new(head.chain.as_str(), head.seq, root).map_err(SignError::from_source)?;
        let Some(mut note) = sign_checkpoint(&*log, &checkpoint)? else {
            return Ok(HeadNote::Unsigned);
        };
        if let Some(epoch) = epoch {
            let line = sign_note_text(&*epoch, note.text())?.ok_or_else(SignError::new)?;
            note.add_signature(line).map_err(SignError::from_source)?;
        }
        Ok(HeadNote::Signed(note))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
