//! Which backends this deployment uses: the one place where its features decide something.

use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "file-anchor")]
use counterfoil::anchor::FileAnchorStore;
use counterfoil::anchor::{AnchorStore, MemoryAnchorStore};
#[cfg(feature = "ed25519")]
use counterfoil::signer::{Ed25519Signer, ErrorKind};
use counterfoil::signer::{NullSigner, Signer};

use crate::Result;

/// Where heads are kept, and who signs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Backends {
    /// Keeps the head of the chain outside the chain.
    pub anchor: Arc<dyn AnchorStore>,
    /// Signs, or says that it does not.
    pub signer: Arc<dyn Signer>,
}

/// The backends of this deployment: in memory and unsigned, unless a feature says otherwise.
///
/// | feature | instead of | takes |
/// |---|---|---|
/// | `file-anchor` | `MemoryAnchorStore` | `FileAnchorStore` on `directory/anchor.json` |
/// | `ed25519` | `NullSigner` | `Ed25519Signer` with `directory/signing.key`, made on first use, mode 0600 |
///
/// `key_name` is the chain id for a key that signs checkpoints and the chain id with `/record` behind it for one that signs
/// records: one key has one role.
///
/// # Errors
/// When the directory, the anchor file or the key file cannot be used.
#[allow(
    unused_variables,
    reason = "backends in memory need neither a directory nor a name"
)]
pub fn backends(directory: &Path, key_name: &str) -> Result<Backends> {
    let backends = Backends {
        anchor: Arc::new(MemoryAnchorStore::new()),
        signer: Arc::new(NullSigner),
    };
    #[cfg(feature = "file-anchor")]
    let backends = Backends {
        anchor: Arc::new(FileAnchorStore::load_or_unanchored(
            directory.join("anchor.json"),
        )?),
        ..backends
    };
    #[cfg(feature = "ed25519")]
    let backends = Backends {
        signer: Arc::new(signing_key(&directory.join("signing.key"), key_name)?),
        ..backends
    };
    Ok(backends)
}

#[cfg(feature = "ed25519")]
fn signing_key(path: &Path, name: &str) -> Result<Ed25519Signer> {
    match Ed25519Signer::from_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let signer = Ed25519Signer::generate(name, getrandom::fill)?;
            signer.save(path)?;
            Ok(signer)
        }
        outcome => Ok(outcome?),
    }
}
