//! What is signed: checkpoints, by logs and by witnesses, and single records.

use counterfoil_core::Digest;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::cosignature::{self, Cosignature};
use counterfoil_merkle::note::{KeyId, KeyType, NoteSignature, SignedNote};

use crate::{SignError, Signer};

const RECORD_DOMAIN: &[u8; 26] = b"counterfoil.dev/record/v1\n";

/// The bytes that a record signature covers: `counterfoil.dev/record/v1`, a line feed, and the 32 bytes of the record's hash
/// (audit specification §5).
#[must_use]
pub fn record_message(hash: &Digest) -> [u8; 58] {
    let mut message = [0; RECORD_DOMAIN.len() + Digest::LEN];
    message[..RECORD_DOMAIN.len()].copy_from_slice(RECORD_DOMAIN);
    message[RECORD_DOMAIN.len()..].copy_from_slice(hash.as_bytes());
    message
}

/// The parts of a record's `sig` member (audit specification §5).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordSignature {
    /// `alg`, through [`KeyType::as_str`].
    pub key_type: KeyType,
    /// `key`: a hint which key to try.
    pub key: KeyId,
    /// `value`, before base64.
    pub value: Vec<u8>,
}

impl RecordSignature {
    /// A signature by its parts, as a reader of records has them.
    #[must_use]
    pub const fn new(key_type: KeyType, key: KeyId, value: Vec<u8>) -> Self {
        Self {
            key_type,
            key,
            value,
        }
    }
}

/// Signs a record's hash; `None` when the signer signs nothing.
///
/// # Errors
/// When the signer does, or when it breaks its contract and has a key but signs nothing.
pub fn sign_record(
    signer: &dyn Signer,
    hash: &Digest,
) -> Result<Option<RecordSignature>, SignError> {
    let Some(key) = signer.verifier_key() else {
        return Ok(None);
    };
    let value = signer
        .sign(&record_message(hash))?
        .ok_or_else(SignError::new)?;
    Ok(Some(RecordSignature {
        key_type: key.key_type(),
        key: key.id(),
        value,
    }))
}

/// Signs a checkpoint as the first signer of its note; `None` when the signer signs nothing.
///
/// A further signer's line is made with [`sign_note_text`] and put under the first with
/// [`SignedNote::add_signature`].
///
/// # Errors
/// When the signer does, or when it breaks its contract and has a key but signs nothing.
pub fn sign_checkpoint(
    signer: &dyn Signer,
    checkpoint: &Checkpoint,
) -> Result<Option<SignedNote>, SignError> {
    let text = checkpoint.to_text();
    sign_note_text(signer, &text)?
        .map(|signature| SignedNote::new(&text, signature).map_err(SignError::from_source))
        .transpose()
}

/// The signature line over the text of a note, final line feed included; `None` when the signer signs nothing.
///
/// # Errors
/// When the signer does, or when it breaks its contract and has a key but signs nothing.
pub fn sign_note_text(signer: &dyn Signer, text: &str) -> Result<Option<NoteSignature>, SignError> {
    let Some(key) = signer.verifier_key() else {
        return Ok(None);
    };
    let bytes = signer.sign(text.as_bytes())?.ok_or_else(SignError::new)?;
    NoteSignature::new(key.name(), key.id(), bytes)
        .map(Some)
        .map_err(SignError::from_source)
}

/// The signature line of a witness under a checkpoint that it saw at `time`, in seconds of the Unix epoch; `None` when the
/// signer signs nothing.
///
/// The line is by the signer's key in its role as a witness, [`VerifierKey::as_cosigner`](crate::VerifierKey::as_cosigner). A
/// witness has persisted the checkpoint before it calls this.
///
/// # Errors
/// When the signer does, when it breaks its contract and has a key but signs nothing or other than 64 bytes, or when the time
/// is none that a cosignature can state.
pub fn cosign(
    signer: &dyn Signer,
    checkpoint: &Checkpoint,
    time: u64,
) -> Result<Option<NoteSignature>, SignError> {
    let Some(key) = signer.verifier_key() else {
        return Ok(None);
    };
    let message = cosignature::message(&checkpoint.to_text(), time);
    let signature = signer.sign(message.as_bytes())?;
    let signature = signature
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(SignError::new)?;
    let cosignature = Cosignature::new(time, signature).map_err(SignError::from_source)?;
    let key = key.as_cosigner();
    NoteSignature::new(key.name(), key.id(), cosignature.to_bytes().to_vec())
        .map(Some)
        .map_err(SignError::from_source)
}
