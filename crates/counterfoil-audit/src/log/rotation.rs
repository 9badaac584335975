//! Replacing the log key or the record key of an open log (audit specification §6, rotation).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use counterfoil_core::{ChainId, Head};
use counterfoil_merkle::note::SignedNote;
use counterfoil_signer::{SignError, Signer, VerifierKey};

use crate::log::found_keys::HANDOVER;
use crate::log::head_signers::HeadNote;
use crate::log::sealer::{Sealer, Stopped};
use crate::log::shared::Shared;
use crate::log::waiters::after;
use crate::{AuditEventData, ConfigChanged, Error, ErrorKind, KeyRole, KeyRotated, Text};

const ROTATE: &str = "rotate a signing key";
/// How often a caller who waits looks whether the log still lives.
const GLANCE: Duration = Duration::from_millis(20);

/// A rotation that was asked for.
#[derive(Debug)]
pub(crate) struct Rotation {
    role: KeyRole,
    next: Arc<dyn Signer>,
    reason: Option<Text>,
    /// The number of the `key_rotated`.
    reply: SyncSender<Result<u64, Error>>,
}

/// Asks the sealer to replace the key of a role, and waits until the new one is in force and that is durable.
pub(crate) fn ask(
    shared: &Shared,
    role: KeyRole,
    next: Arc<dyn Signer>,
    reason: Option<Text>,
    patience: Duration,
) -> Result<u64, Error> {
    shared.require_open(ROTATE)?;
    let until = after(patience);
    let (reply, answer) = sync_channel(1);
    shared.rotations.push(Rotation {
        role,
        next,
        reason,
        reply,
    });
    shared.intake.gate.ring();
    loop {
        // Looked at first, so that an answer that came meanwhile is taken.
        let over = shared.has_failed() || shared.has_ended();
        let left = until.saturating_duration_since(Instant::now());
        match answer.recv_timeout(left.min(GLANCE)) {
            Ok(outcome) => return outcome,
            Err(_) if over && shared.has_failed() => return Err(shared.failed(ROTATE)),
            Err(_) if over => {
                return Err(Error::new(ErrorKind::Closed, ROTATE, "the log was closed"));
            }
            Err(_) if !left.is_zero() => {}
            Err(_) => {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    ROTATE,
                    format!(
                        "it did not become durable within {patience:?}; the log goes on with it, and its next opening has to be \
                         given both keys"
                    ),
                ));
            }
        }
    }
}

/// The record in which the old log key vouches for the `key_rotated` at `seq` (audit specification §6).
pub(crate) fn handover(note: &SignedNote) -> AuditEventData {
    AuditEventData::ConfigChanged(ConfigChanged {
        key: HANDOVER.to_owned(),
        new_value: Some(note.to_text().into()),
        old_value: None,
    })
}

/// The key of a signer that is to take over: named for its role, and not the one that it takes over from.
pub(crate) fn check_next(
    next: &dyn Signer,
    role: KeyRole,
    chain: &ChainId,
    in_force: [Option<&VerifierKey>; 2],
) -> Result<VerifierKey, Error> {
    let name = match role {
        KeyRole::Log => chain.to_string(),
        KeyRole::Record => format!("{chain}/record"),
    };
    let Some(key) = next.verifier_key() else {
        return Err(Error::invalid(
            ROTATE,
            "the new signer signs nothing; rotate to one that has a key",
        ));
    };
    if key.name() != name {
        return Err(Error::invalid(
            ROTATE,
            format!(
                "the new key is named {:?} and has to be named {name:?} (audit specification §6, keys)",
                key.name()
            ),
        ));
    }
    let same = |other: &&VerifierKey| other.public_key() == key.public_key();
    if in_force.iter().flatten().any(same) {
        return Err(Error::invalid(
            ROTATE,
            "the new key signs for this log already, and one key has one role; make a new one",
        ));
    }
    Ok(key.clone())
}

impl Sealer {
    /// Does what was asked for since the last round. A rotation that is refused changes nothing.
    pub(crate) fn serve_rotations(&mut self) -> Result<(), Stopped> {
        for rotation in self.shared.rotations.take() {
            let outcome = match rotation.role {
                KeyRole::Log => self.rotate_log_key(&rotation)?,
                KeyRole::Record => self.rotate_record_key(&rotation)?,
            };
            // Who asked may have lost patience.
            rotation.reply.send(outcome).ok();
        }
        Ok(())
    }

    fn rotate_log_key(&mut self, rotation: &Rotation) -> Result<Result<u64, Error>, Stopped> {
        let old = self.signers.log_key();
        let Some((old, old_key)) = old.and_then(|old| {
            let key = old.verifier_key()?.clone();
            Some((old, key))
        }) else {
            return Ok(Err(no_key("checkpoints", "signer")));
        };
        let record = self.record_signer.as_ref().and_then(|it| it.verifier_key());
        let in_force = [Some(&old_key), record];
        let next = check_next(&*rotation.next, KeyRole::Log, self.chain.id(), in_force);
        let new_key = match next {
            Ok(key) => key,
            Err(error) => return Ok(Err(error)),
        };
        // Asked for a head that it may sign anyway, before anything is sealed that only it can complete.
        if let Err(error) = self.sign_durable_head()? {
            return Ok(Err(error));
        }
        self.seal_rotated(rotation, &old_key, &new_key)?;
        let seq = self.chain.seq();
        let outcome = self.sign_durable_head()?;
        self.signers.log_key_from(seq, Arc::clone(&rotation.next));
        drop(old);
        match outcome {
            Ok(note) => {
                self.seal_own(handover(&note))?;
                self.flush(true)?;
                if !self.wait_durable(self.chain.seq())? {
                    return Ok(Err(self.shared.failed(ROTATE)));
                }
                self.signers.retire_log_keys();
                Ok(Ok(seq))
            }
            Err(error) => {
                self.shared.set_alarm(format!(
                    "the rotation of the log key at record {seq} was not handed over by the old key: {error}. Open the log \
                     once more with the old signer and the new one as the next"
                ));
                Ok(Err(error))
            }
        }
    }

    fn rotate_record_key(&mut self, rotation: &Rotation) -> Result<Result<u64, Error>, Stopped> {
        let old_key = self.record_signer.as_ref().and_then(|it| it.verifier_key());
        let Some(old_key) = old_key.cloned() else {
            return Ok(Err(no_key("records", "record_signer")));
        };
        let log = self.signers.log_key();
        let in_force = [
            Some(&old_key),
            log.as_ref().and_then(|it| it.verifier_key()),
        ];
        let next = check_next(&*rotation.next, KeyRole::Record, self.chain.id(), in_force);
        let new_key = match next {
            Ok(key) => key,
            Err(error) => return Ok(Err(error)),
        };
        self.seal_rotated(rotation, &old_key, &new_key)?;
        let seq = self.chain.seq();
        self.chain.set_record_signer(Arc::clone(&rotation.next));
        self.record_signer = Some(Arc::clone(&rotation.next));
        self.flush(true)?;
        Ok(if self.wait_durable(seq)? {
            Ok(seq)
        } else {
            Err(self.shared.failed(ROTATE))
        })
    }

    fn seal_rotated(
        &mut self,
        rotation: &Rotation,
        old_key: &VerifierKey,
        new_key: &VerifierKey,
    ) -> Result<(), Stopped> {
        self.read_clock()?;
        self.seal_own(AuditEventData::KeyRotated(KeyRotated {
            new_key: new_key.to_string(),
            old_key: old_key.to_string(),
            reason: rotation.reason.clone(),
            role: rotation.role,
        }))
    }

    /// Makes everything that is sealed durable and signs the head of it; nothing that could still be lost is signed.
    fn sign_durable_head(&mut self) -> Result<Result<SignedNote, Error>, Stopped> {
        self.flush(false)?;
        let head = self.chain.head();
        if !self.wait_durable(self.chain.seq())? {
            return Ok(Err(self.shared.failed(ROTATE)));
        }
        Ok(self.sign(head.as_ref()).map_err(|error| {
            Error::new(
                ErrorKind::Signer,
                ROTATE,
                "the key in force could not sign for its successor; see to that signer and rotate again",
            )
            .with_source(error)
        }))
    }

    fn sign(&self, head: Option<&Head>) -> Result<SignedNote, SignError> {
        match self.signers.sign(head.ok_or_else(SignError::new)?)? {
            HeadNote::Signed(note) => Ok(note),
            HeadNote::Unsigned | HeadNote::Superseded => Err(SignError::new()),
        }
    }

    /// Waits until a record that was flushed is durable; `false` when the log ends before.
    pub(crate) fn wait_durable(&mut self, seq: u64) -> Result<bool, Stopped> {
        while self.shared.progress.durable_seq.load(Ordering::Acquire) < seq {
            if self.shared.has_failed() || self.shared.is_abandoned() {
                return Ok(false);
            }
            self.mend_poisoned()?;
            self.shared.commit.sync_at_once();
            std::thread::park_timeout(Duration::from_millis(1));
        }
        Ok(true)
    }
}

fn no_key(what: &str, setting: &str) -> Error {
    Error::invalid(
        ROTATE,
        format!(
            "this log's {what} are not signed, so there is no key to replace; open it with a {setting}"
        ),
    )
}
