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
        let (log, lapsed, in_epochs) = {
            let inner = self.lock();
            let in_epochs = !inner.epochs.0.is_empty();
            let lapsed = in_epochs && inner.epochs.at(head.seq).is_none();
            (inner.log.at(head.seq), lapsed, in_epochs)
        };
        let Some(log) = log.filter(|_| !lapsed) else {
            return Ok(HeadNote::Superseded);
        };
        let checkpoint =
            Checkpoint::new(head.chain.as_str(), head.seq, root).map_err(SignError::from_source)?;
        let Some(mut note) = sign_checkpoint(&*log, &checkpoint)? else {
            return Ok(HeadNote::Unsigned);
        };
        if in_epochs {
            // Taken only now: while the log key signed, which may take long, the epoch may have ended, and its key must be gone then.
            let Some(epoch) = self.lock().epochs.at(head.seq) else {
                return Ok(HeadNote::Superseded);
            };
            let line = sign_note_text(&*epoch, note.text())?.ok_or_else(SignError::new)?;
            note.add_signature(line).map_err(SignError::from_source)?;
        }
        Ok(HeadNote::Signed(note))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::OnceLock;

    use counterfoil_core::{ChainId, Digest};
    use counterfoil_signer::{Ed25519Signer, VerifierKey, epoch_key_name};

    use super::*;

    /// A log key far away: while it signs, the next epoch begins and the key before is let go.
    #[derive(Debug)]
    struct Slow {
        inner: Ed25519Signer,
        signers: OnceLock<Arc<HeadSigners>>,
        next: Arc<dyn Signer>,
    }

    impl Signer for Slow {
        fn verifier_key(&self) -> Option<&VerifierKey> {
            self.inner.verifier_key()
        }

        fn sign(&self, message: &[u8]) -> Result<Option<Vec<u8>>, SignError> {
            if let Some(signers) = self.signers.get() {
                signers.epoch_from(5, Arc::clone(&self.next));
                signers.retire_epochs();
            }
            self.inner.sign(message)
        }
    }

    #[test]
    fn the_key_of_an_epoch_that_ends_while_the_log_key_signs_is_not_held_on_to() {
        let chain = ChainId::first("audit.example.com/leases").unwrap();
        let epoch = |number: u64| {
            let name = epoch_key_name(chain.as_str(), number);
            Arc::new(Ed25519Signer::from_seed(&name, &[number as u8; 32]).unwrap())
        };
        let slow = Arc::new(Slow {
            inner: Ed25519Signer::from_seed(chain.as_str(), &[9; 32]).unwrap(),
            signers: OnceLock::new(),
            next: epoch(2),
        });
        let signers = Arc::new(HeadSigners::new(Arc::clone(&slow) as Arc<dyn Signer>));
        let first = epoch(1);
        let weak = Arc::downgrade(&first);
        signers.epoch_from(0, first);
        slow.signers.set(Arc::clone(&signers)).unwrap();
        let head = |seq| Head {
            chain: chain.clone(),
            seq,
            hash: Digest::ZERO,
            root: Some(Digest::ZERO),
        };
        let note = signers.sign(&head(5)).unwrap();
        assert!(matches!(note, HeadNote::Superseded));
        assert!(weak.upgrade().is_none(), "the key is erased");
        let HeadNote::Signed(note) = signers.sign(&head(6)).unwrap() else {
            panic!("the next epoch signs");
        };
        assert_eq!(note.signatures().len(), 2);
    }
}
