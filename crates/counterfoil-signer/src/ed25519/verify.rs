//! Checking Ed25519 signatures, strictly.

use std::str::FromStr;

use counterfoil_merkle::note::{KeyType, VerifierKey};
use ed25519_dalek::{Signature, VerifyingKey};

use crate::{Error, ErrorKind, Verifier};

const OPERATION: &str = "use an Ed25519 verifier key";

/// Checks signatures as RFC 8032 asks, without the latitude that it leaves: no key of small order, no key and no
/// signature that is not fully reduced, so that every strict verifier gives the same answer.
///
/// ```
/// use counterfoil_signer::{Ed25519Verifier, Verifier};
/// let verifier: Ed25519Verifier =
///     "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".parse()?;
/// assert_eq!(verifier.key().name(), "example.com/foo");
/// assert!(!verifier.verify(b"a message", &[0; 64]));
/// # Ok::<(), counterfoil_signer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ed25519Verifier {
    key: VerifierKey,
    point: VerifyingKey,
}

impl Ed25519Verifier {
    /// Makes a verifier of a public key.
    ///
    /// # Errors
    /// When the key is of another type, or its bytes are no point of the curve, or one that is not fully reduced or of small
    /// order.
    pub fn new(key: VerifierKey) -> Result<Self, Error> {
        let point = point_of(&key, KeyType::Ed25519)?;
        Ok(Self { key, point })
    }
}

impl FromStr for Ed25519Verifier {
    type Err = Error;

    /// Parses a verifier key, `name+0123abcd+base64`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let key = text.parse::<VerifierKey>().map_err(|error| {
            Error::new(ErrorKind::InvalidKey, OPERATION, error.to_string()).because(error)
        })?;
        Self::new(key)
    }
}

impl Verifier for Ed25519Verifier {
    fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.point.verify_strict(message, &signature).is_ok())
    }
}

/// The point that a key of this type stands for.
///
/// # Errors
/// As [`Ed25519Verifier::new`].
pub(super) fn point_of(key: &VerifierKey, key_type: KeyType) -> Result<VerifyingKey, Error> {
    let invalid = |why: &str| {
        Error::new(
            ErrorKind::InvalidKey,
            OPERATION,
            format!("{}+{} {why}", key.name(), key.id()),
        )
    };
    if key.key_type() != key_type {
        return Err(invalid(&format!(
            "is of type 0x{:02x}; a key of type 0x{:02x} belongs here",
            key.key_type().byte(),
            key_type.byte()
        )));
    }
    let bytes = key
        .public_key()
        .try_into()
        .map_err(|_| invalid("has not 32 bytes"))?;
    let point = VerifyingKey::from_bytes(bytes).map_err(|_| {
        invalid("is no point of the curve; copy it again from where it was published")
    })?;
    // Decoding takes y modulo p, so that some points have a second spelling, which other verifiers refuse.
    if point.to_edwards().compress().as_bytes() != bytes {
        return Err(invalid(
            "is not fully reduced, so that another verifier may refuse it; it was not made by an honest generator",
        ));
    }
    if point.is_weak() {
        return Err(invalid(
            "is of small order, so that anyone can sign for it; it was not made by an honest generator",
        ));
    }
    Ok(point)
}
