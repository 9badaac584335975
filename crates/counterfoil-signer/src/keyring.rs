//! The keys that a verifier trusts.

use counterfoil_core::Digest;
use counterfoil_merkle::note::{
    Judgement, KeyId, NoteRejected, NoteSignature, SignedNote, VerifierKey,
};
#[cfg(feature = "ed25519")]
use counterfoil_merkle::policy::Policy;

#[cfg(feature = "ed25519")]
use crate::{CosignatureVerifier, Ed25519Verifier};
use crate::{Error, ErrorKind, RecordSignature, Verifier, record_message};

/// A set of trusted keys, found by name and id.
///
/// It knows no roles: it judges notes and records with every key that it was given. Whoever must tell a log key from a record
/// key goes by their names, as `counterfoil-audit` does, or keeps two keyrings.
#[derive(Debug, Default)]
pub struct Keyring {
    verifiers: Vec<Box<dyn Verifier>>,
}

impl Keyring {
    /// A keyring that trusts nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A keyring of the logs and witnesses of a policy, for [`Policy::verify_note`] and
    /// [`TlogProof::verify`](counterfoil_merkle::tlog_proof::TlogProof::verify).
    ///
    /// # Errors
    /// When a key of the policy is no point that a strict verifier accepts.
    #[cfg(feature = "ed25519")]
    pub fn of_policy(policy: &Policy) -> Result<Self, Error> {
        let mut keys = Self::new();
        for log in policy.logs() {
            keys.trust(Ed25519Verifier::new(log.key().clone())?)?;
        }
        for witness in policy.witnesses() {
            keys.trust(CosignatureVerifier::new(witness.key().clone())?)?;
        }
        Ok(keys)
    }

    /// Trusts a key.
    ///
    /// # Errors
    /// When a key of the same name and id is there already: which of the two a note would be checked against would be chance.
    pub fn trust(&mut self, verifier: impl Verifier) -> Result<(), Error> {
        let key = verifier.key();
        if self.find(key.name(), key.id()).is_some() {
            return Err(Error::new(
                ErrorKind::Duplicate,
                "trust a key",
                format!(
                    "{}+{} is on this keyring already; name each key once",
                    key.name(),
                    key.id()
                ),
            ));
        }
        self.verifiers.push(Box::new(verifier));
        Ok(())
    }

    /// The keys, in the order in which they came.
    pub fn keys(&self) -> impl Iterator<Item = &VerifierKey> {
        self.verifiers.iter().map(|verifier| verifier.key())
    }

    /// The verifier of a key that is trusted.
    #[must_use]
    pub fn verifier(&self, key: &VerifierKey) -> Option<&dyn Verifier> {
        self.find(key.name(), key.id())
            .filter(|verifier| verifier.key() == key)
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.verifiers.is_empty()
    }

    /// Verifies a note by the rules of [`SignedNote::verify`]; returns the trusted keys that signed it.
    ///
    /// # Errors
    /// When a signature that claims a trusted key is bad, or no trusted key signed.
    pub fn verify_note(&self, note: &SignedNote) -> Result<Vec<&VerifierKey>, NoteRejected> {
        let valid = note.verify(|text, signature| self.judge(text, signature))?;
        let mut keys: Vec<&VerifierKey> = Vec::with_capacity(valid.len());
        for signature in valid {
            if let Some(verifier) = self.find(signature.name(), signature.id())
                && !keys.contains(&verifier.key())
            {
                keys.push(verifier.key());
            }
        }
        Ok(keys)
    }

    /// Judges one signature line under a text, for whoever verifies a note by further rules.
    #[must_use]
    pub fn judge(&self, text: &str, signature: &NoteSignature) -> Judgement {
        match self.find(signature.name(), signature.id()) {
            None => Judgement::Unknown,
            Some(verifier) if verifier.verify(text.as_bytes(), signature.bytes()) => {
                Judgement::Valid
            }
            Some(_) => Judgement::Invalid,
        }
    }

    /// Judges a record's signature. The key id is a hint, so every trusted key with that id is tried.
    #[must_use]
    pub fn verify_record(&self, hash: &Digest, signature: &RecordSignature) -> Judgement {
        let message = record_message(hash);
        let mut judgement = Judgement::Unknown;
        for verifier in &self.verifiers {
            let key = verifier.key();
            if key.id() == signature.key && key.key_type() == signature.key_type {
                if verifier.verify(&message, &signature.value) {
                    return Judgement::Valid;
                }
                judgement = Judgement::Invalid;
            }
        }
        judgement
    }

    fn find(&self, name: &str, id: KeyId) -> Option<&dyn Verifier> {
        self.verifiers
            .iter()
            .find(|verifier| verifier.key().id() == id && verifier.key().name() == name)
            .map(|verifier| &**verifier)
    }
}
