//! Being a witness of the chains that are kept.

use counterfoil::signer::{Signer, cosign};
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::SignedNote;

use crate::{Error, ErrorKind};

/// A note with the collector's cosignature, and that line alone.
pub(crate) struct Cosigned {
    pub(crate) note: String,
    pub(crate) line: String,
}

/// Cosigns the checkpoint in `note` at `time`, in seconds of the Unix epoch. An earlier cosignature by the same key is replaced. Whether
/// the checkpoint deserves it is for the caller to know.
pub(crate) fn cosigned(signer: &dyn Signer, note: &str, time: u64) -> Result<Cosigned, Error> {
    let failed = |why: String| Error::new(ErrorKind::Credential, "cosign a checkpoint", why);
    let read = SignedNote::parse(note).map_err(|error| failed(error.to_string()))?;
    let checkpoint = Checkpoint::parse(read.text()).map_err(|error| failed(error.to_string()))?;
    let line = cosign(signer, &checkpoint, time)
        .map_err(|error| failed(error.to_string()))?
        .ok_or_else(|| {
            failed("the witness key signs nothing; give the collector an Ed25519 key".into())
        })?;
    let others = read
        .signatures()
        .iter()
        .filter(|other| other.name() != line.name() || other.id() != line.id());
    let mut all = others.cloned().chain([line.clone()]);
    // The cosignature is one at least.
    let first = all.next().unwrap_or_else(|| line.clone());
    let mut note =
        SignedNote::new(read.text(), first).map_err(|error| failed(error.to_string()))?;
    for line in all {
        note.add_signature(line)
            .map_err(|error| failed(error.to_string()))?;
    }
    Ok(Cosigned {
        note: note.to_text(),
        line: line.to_string(),
    })
}
