//! Who signs for a log, and what its records say about that.

use std::sync::Arc;

use counterfoil_core::ChainId;
use counterfoil_signer::{Signer, VerifierKey};

use crate::log::opening::{OPEN, Plan};
use crate::{Error, ErrorKind, SigningMode};

/// Makes the signer for a chain: the name of its key is the chain's id, which a restart changes.
pub(crate) type SignerFor =
    Box<dyn Fn(&ChainId) -> Result<Arc<dyn Signer>, Box<dyn std::error::Error + Send + Sync>>>;

/// The signers that a log is to be opened with, as the builder was given them.
pub(crate) struct SignerPlan {
    pub(crate) log: SignerFor,
    pub(crate) next_log: Option<SignerFor>,
    pub(crate) record: Option<SignerFor>,
    pub(crate) next_record: Option<SignerFor>,
}

/// Who signs, and what `log_opened` says about it.
pub(crate) struct Signing {
    pub(crate) log: Succession,
    pub(crate) record: Option<Succession>,
    pub(crate) mode: SigningMode,
    pub(crate) keys: Vec<String>,
}

/// The signers of one role.
pub(crate) struct Succession {
    /// Who signs when the log is opened.
    pub(crate) now: Arc<dyn Signer>,
    /// Who is to take over then.
    pub(crate) next: Option<Arc<dyn Signer>>,
    /// From whom `now` has taken over already.
    pub(crate) before: Option<Arc<dyn Signer>>,
}

impl Succession {
    /// `next` takes over from `now`, unless `in_force` says that it has.
    fn new(
        now: Arc<dyn Signer>,
        next: Option<Arc<dyn Signer>>,
        in_force: &[String],
    ) -> Result<Self, Error> {
        let is_in_force = |signer: &Arc<dyn Signer>| {
            vkey(signer).is_some_and(|key| in_force.contains(&key.to_string()))
        };
        match next {
            Some(next) if vkey(&next).is_none() => Err(Error::invalid(
                OPEN,
                "the signer that is to take over signs nothing; give one that has a key",
            )),
            Some(next) if is_in_force(&next) => Ok(Self {
                now: next,
                next: None,
                before: Some(now),
            }),
            next => Ok(Self {
                now,
                next,
                before: None,
            }),
        }
    }

    fn public_keys(&self) -> impl Iterator<Item = &[u8]> {
        let signers = [Some(&self.now), self.next.as_ref()].into_iter().flatten();
        signers.filter_map(|signer| Some(vkey(signer)?.public_key()))
    }
}

impl Signing {
    /// The signers of chain `id`, in which `in_force` are the verifier keys in force so far.
    pub(crate) fn new(plan: &Plan, id: &ChainId, in_force: &[String]) -> Result<Self, Error> {
        let plan_of = &plan.signers;
        let role = |now: &SignerFor, next: Option<&SignerFor>, name: &str| {
            let next = next.map(|next| make(next, id, name)).transpose()?;
            Succession::new(make(now, id, name)?, next, in_force)
        };
        let log = role(&plan_of.log, plan_of.next_log.as_ref(), id.as_str())?;
        let record = match &plan_of.record {
            None => None,
            Some(signer) => {
                let next = plan_of.next_record.as_ref();
                Some(role(signer, next, &format!("{id}/record"))?)
                    .filter(|record| vkey(&record.now).is_some())
            }
        };
        if let Some(record) = &record
            && log
                .public_keys()
                .any(|key| record.public_keys().any(|other| other == key))
        {
            return Err(Error::invalid(
                OPEN,
                "checkpoints and records would be signed by the same key, and one key has one role; make a second one",
            ));
        }
        let log_key = vkey(&log.now);
        if plan.epochs.is_some() && log_key.is_none() {
            return Err(Error::invalid(
                OPEN,
                "epochs were asked for and no log key, which signs for the first; give a signer as well",
            ));
        }
        let record_key = record.as_ref().and_then(|record| vkey(&record.now));
        let keys: Vec<String> = [log_key, record_key]
            .into_iter()
            .flatten()
            .map(ToString::to_string)
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

fn make(signer: &SignerFor, id: &ChainId, name: &str) -> Result<Arc<dyn Signer>, Error> {
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
}

fn vkey(signer: &Arc<dyn Signer>) -> Option<&VerifierKey> {
    signer.verifier_key()
}
