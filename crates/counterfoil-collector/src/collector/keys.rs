//! Keys that the collector makes for itself where it is given none.

use std::path::Path;
use std::sync::Arc;

use counterfoil::signer::{Ed25519Signer, ErrorKind as SignerErrorKind, Signer};

use crate::{Error, ErrorKind};

/// The key in `path`, which is made under `name` when it is not there. A key of another name is refused: whoever renames a collector
/// gives it keys of that name.
pub(crate) fn load_or_make(path: &Path, name: &str) -> Result<Arc<dyn Signer>, Error> {
    let failed = |error: counterfoil::signer::Error| {
        Error::new(
            ErrorKind::Credential,
            "use a key of the collector",
            error.to_string(),
        )
    };
    let signer = match Ed25519Signer::from_file(path) {
        Ok(signer) => signer,
        Err(error) if error.kind() == SignerErrorKind::NotFound => {
            let signer = Ed25519Signer::generate(name, getrandom::fill).map_err(failed)?;
            signer.save(path).map_err(failed)?;
            signer
        }
        Err(error) => return Err(failed(error)),
    };
    match signer.verifier_key() {
        Some(key) if key.name() == name => Ok(Arc::new(signer)),
        _ => Err(Error::new(
            ErrorKind::Credential,
            "use a key of the collector",
            format!(
                "{} holds a key of another name than {name}; give the collector its old name, or move the file away to have a new key made",
                path.display()
            ),
        )),
    }
}
