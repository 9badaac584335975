//! The keys of epochs: made, used, and destroyed so that what they sealed can no longer be sealed otherwise.

use std::fmt::Debug;
use std::sync::Arc;

use counterfoil_core::{ChainId, Digest};

use crate::{Error, Signer};

/// Keeps the epoch keys of logs (audit specification §6, epochs).
///
/// A log has one living epoch key, and for a moment two: the next one is made before it is sealed, and the one before is
/// destroyed once the record that seals the next is durable. Forward security is exactly that destruction, so an
/// implementation that keeps a copy anywhere has none.
///
/// # Contract
/// - **Names.** The key of epoch `n` of a chain is named [`epoch_key_name`]: chain id, `/epoch/`, `n`.
/// - **Durability.** When [`create`](Self::create) answers, the key is on stable storage and survives power loss, for the
///   next epoch has to be signed with it. When [`destroy`](Self::destroy) answers, no copy is left that the implementation
///   made, in memory or on stable storage, and none comes back after power loss. Signers that were handed out erase their copy
///   when they are dropped; the log drops them.
/// - **By number.** `list` and `destroy` go by the number and do not need the key to be whole: after a crash between two steps
///   of making or destroying a key, it is listed and can be destroyed.
/// - **Concurrency and blocking.** Called from the thread that opens the log and then from its sealer, one call at a time.
///   It may block for as long as the disk takes; meanwhile nothing is sealed.
/// - **Retries and idempotency.** Destroying a key that is not there is `Ok`. `create` never replaces a key.
/// - **Shutdown.** There is none.
///
/// # Cancellation
/// The calls are synchronous and cannot be cancelled.
///
/// # Errors
/// [`Error`], which never shows key material.
///
/// # Conformance
/// `counterfoil_testkit::signer::epoch_keys`.
pub trait EpochKeys: Debug + Send + Sync + 'static {
    /// The epochs of `chain` that a key is kept for, whole or not, in ascending order.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn list(&self, chain: &ChainId) -> Result<Vec<u64>, Error>;

    /// Makes the key of an epoch.
    ///
    /// # Errors
    /// When there is one already, or it cannot be made or stored.
    fn create(&self, chain: &ChainId, epoch: u64) -> Result<Arc<dyn Signer>, Error>;

    /// The key of an epoch.
    ///
    /// # Errors
    /// When there is none, or it is not whole.
    fn load(&self, chain: &ChainId, epoch: u64) -> Result<Arc<dyn Signer>, Error>;

    /// Destroys the key of an epoch, whole or not.
    ///
    /// # Errors
    /// When something of it may be left; what could be destroyed is.
    fn destroy(&self, chain: &ChainId, epoch: u64) -> Result<(), Error>;
}

/// The name of an epoch's key.
#[must_use]
pub fn epoch_key_name(chain: &str, epoch: u64) -> String {
    format!("{chain}/epoch/{epoch}")
}

/// What the key of the epoch before signs when an epoch begins: the chain, the number, the tree over all records so far, and
/// `next`, the verifier key of the epoch (audit specification §6).
#[must_use]
pub fn epoch_message(chain: &str, epoch: u64, size: u64, root: &Digest, next: &str) -> String {
    format!("counterfoil.dev/epoch/v1\n{chain}\n{epoch}\n{size}\n{root}\n{next}")
}

impl<K: EpochKeys + ?Sized> EpochKeys for Arc<K> {
    fn list(&self, chain: &ChainId) -> Result<Vec<u64>, Error> {
        (**self).list(chain)
    }

    fn create(&self, chain: &ChainId, epoch: u64) -> Result<Arc<dyn Signer>, Error> {
        (**self).create(chain, epoch)
    }

    fn load(&self, chain: &ChainId, epoch: u64) -> Result<Arc<dyn Signer>, Error> {
        (**self).load(chain, epoch)
    }

    fn destroy(&self, chain: &ChainId, epoch: u64) -> Result<(), Error> {
        (**self).destroy(chain, epoch)
    }
}
