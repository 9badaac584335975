//! The two contracts, and the signer that signs nothing.

use std::fmt::Debug;
use std::sync::Arc;

use counterfoil_merkle::note::VerifierKey;

use crate::SignError;

/// Holds a private key, or stands for there being none.
///
/// # Contract
/// - **One key.** A signer has one key, or none, for as long as it lives: [`verifier_key`](Self::verifier_key) always answers
///   the same. Rotation is another signer. One key has one role: never use the key that signs checkpoints for records
///   (opening an audit log refuses that, this crate does not see it).
/// - **Mode none.** `sign` answers `Ok(None)` if and only if `verifier_key` answers `None`. A signer that has a key and cannot
///   use it answers an error, never `Ok(None)`: a chain that is to be signed must not go on unsigned unnoticed.
/// - **What is signed.** Exactly the bytes of `message`, as the key's type defines; the signer adds no context of its own.
/// - **Concurrency and blocking.** May be called from any thread, several at once. It may block: the sealer calls it from a
///   thread of its own, at checkpoints. A remote signer bounds its waiting itself.
/// - **Retries and idempotency.** Signing the same message again is harmless. Callers do not retry; a remote signer may.
/// - **Shutdown.** There is none; dropping the signer erases the key from memory.
///
/// # Cancellation
/// The call is synchronous and cannot be cancelled.
///
/// # Errors
/// [`SignError`] is opaque on purpose. After an error the signer may be called again.
///
/// # Conformance
/// `counterfoil_testkit::signer::conformance`, and `signs_nothing` for mode none.
pub trait Signer: Debug + Send + Sync + 'static {
    /// The public half of the key, with its name and id; `None` when this signer signs nothing.
    fn verifier_key(&self) -> Option<&VerifierKey>;

    /// Signs `message`; `None` when this signer signs nothing.
    ///
    /// # Errors
    /// When the key cannot be used.
    fn sign(&self, message: &[u8]) -> Result<Option<Vec<u8>>, SignError>;
}

/// Checks the signatures of one public key.
///
/// # Contract
/// - **Strict.** `verify` is true only for the one encoding that the key's type allows; whatever two verifiers could disagree
///   about is false. It holds no state and gives the same answer each time.
/// - **Concurrency and blocking.** May be called from any thread, several at once; never blocks, never panics, whatever the
///   bytes.
///
/// # Cancellation
/// The call is synchronous and cannot be cancelled.
///
/// # Errors
/// There are none: what is not a valid signature is `false`.
///
/// # Conformance
/// `counterfoil_testkit::signer::conformance` takes a signer with its verifier.
pub trait Verifier: Debug + Send + Sync + 'static {
    /// The key.
    fn key(&self) -> &VerifierKey;

    /// Whether `signature` is by this key over exactly `message`.
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool;
}

/// Signs nothing and says so: the signing mode `none`.
///
/// A chain without signatures still shows every change to whoever holds a head of it.
///
/// ```
/// use counterfoil_signer::{NullSigner, Signer};
/// assert!(NullSigner.verifier_key().is_none());
/// assert_eq!(NullSigner.sign(b"anything")?, None);
/// # Ok::<(), counterfoil_signer::SignError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NullSigner;

impl Signer for NullSigner {
    fn verifier_key(&self) -> Option<&VerifierKey> {
        None
    }

    fn sign(&self, _message: &[u8]) -> Result<Option<Vec<u8>>, SignError> {
        Ok(None)
    }
}

impl<S: Signer + ?Sized> Signer for Arc<S> {
    fn verifier_key(&self) -> Option<&VerifierKey> {
        (**self).verifier_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Option<Vec<u8>>, SignError> {
        (**self).sign(message)
    }
}

impl<S: Signer + ?Sized> Signer for Box<S> {
    fn verifier_key(&self) -> Option<&VerifierKey> {
        (**self).verifier_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Option<Vec<u8>>, SignError> {
        (**self).sign(message)
    }
}

impl<V: Verifier + ?Sized> Verifier for Arc<V> {
    fn key(&self) -> &VerifierKey {
        (**self).key()
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        (**self).verify(message, signature)
    }
}

impl<V: Verifier + ?Sized> Verifier for Box<V> {
    fn key(&self) -> &VerifierKey {
        (**self).key()
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        (**self).verify(message, signature)
    }
}
