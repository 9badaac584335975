//! Who signs for a log, and what its records say about that.

use std::sync::Arc;

use counterfoil_core::ChainId;
use counterfoil_signer::Signer;

use crate::log::opening::{OPEN, Plan};
use crate::{Error, ErrorKind, SigningMode};

/// Makes the signer for a chain: the name of its key is the chain's id, which a restart changes.
pub(crate) type SignerFor =
    Box<dyn Fn(&ChainId) -> Result<Arc<dyn Signer>, Box<dyn std::error::Error + Send + Sync>>>;

/// Who signs, and what `log_opened` says about it.
pub(crate) struct Signing {
    pub(crate) log: Arc<dyn Signer>,
    pub(crate) record: Option<Arc<dyn Signer>>,
    pub(crate) mode: SigningMode,
    pub(crate) keys: Vec<String>,
}

impl Signing {
    pub(crate) fn new(plan: &Plan, id: &ChainId) -> Result<Self, Error> {
        let make = |signer: &SignerFor, name: &str| {
            let signer = signer(id).map_err(|error| {
                Error::new(
                    ErrorKind::Signer,
                    OPEN,
                    format!("there is no signer for {id}"),
                )
                .with_source(error)
            })?;
            match signer.verifier_key() {
                Some(key) if key.name() != name => Err(Error::invalid(
                    OPEN,
                    format!(
                        "the signer's key is named {:?} and has to be named {name:?} (audit specification §6, keys)",
                        key.name()
                    ),
                )),
                _ => Ok(signer),
            }
        };
        let log = make(&plan.signer, id.as_str())?;
        let record = match &plan.record_signer {
            None => None,
            Some(signer) => Some(make(signer, &format!("{id}/record"))?)
                .filter(|signer| signer.verifier_key().is_some()),
        };
        let public =
            |signer: &Arc<dyn Signer>| signer.verifier_key().map(|key| key.public_key().to_vec());
        if let (Some(log), Some(record)) = (public(&log), record.as_ref().and_then(public))
            && log == record
        {
            return Err(Error::invalid(
                OPEN,
                "checkpoints and records would be signed by the same key, and one key has one role; make a second one",
            ));
        }
        let keys: Vec<String> = [Some(&log), record.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|signer| Some(signer.verifier_key()?.to_string()))
            .collect();
        let mode = match (&record, keys.is_empty()) {
            (Some(_), _) => SigningMode::Record,
            (None, false) => SigningMode::Checkpoint,
            (None, true) => SigningMode::None,
        };
        Ok(Self {
            log,
            record,
            mode,
            keys,
        })
    }
}
