//! Checking the cosignatures of witnesses.

use counterfoil_merkle::cosignature::{self, Cosignature};
use counterfoil_merkle::note::{KeyType, VerifierKey};
use ed25519_dalek::{Signature, VerifyingKey};

use super::verify::point_of;
use crate::{Error, Verifier};

/// Checks cosignatures, type 0x04 of C2SP notes, as strictly as [`Ed25519Verifier`](crate::Ed25519Verifier) checks signatures.
///
/// As a [`Verifier`] it is given the text of a checkpoint and the bytes of a signature line, so that a
/// [`Keyring`](crate::Keyring) judges logs and witnesses alike; the time that a line states is part of what is signed.
#[derive(Clone, Debug)]
pub struct CosignatureVerifier {
    key: VerifierKey,
    point: VerifyingKey,
}

impl CosignatureVerifier {
    /// Makes a verifier of a witness's public key.
    ///
    /// # Errors
    /// When the key is of another type, or its bytes are no point that
    /// [`Ed25519Verifier::new`](crate::Ed25519Verifier::new) would accept.
    pub fn new(key: VerifierKey) -> Result<Self, Error> {
        let point = point_of(&key, KeyType::Ed25519Cosignature)?;
        Ok(Self { key, point })
    }
}

impl Verifier for CosignatureVerifier {
    fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let (Ok(text), Ok(cosignature)) = (
            std::str::from_utf8(message),
            Cosignature::from_bytes(signature),
        ) else {
            return false;
        };
        let message = cosignature::message(text, cosignature.time());
        let signature = Signature::from_bytes(cosignature.signature());
        self.point
            .verify_strict(message.as_bytes(), &signature)
            .is_ok()
    }
}
