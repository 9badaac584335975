//! Whether a signed checkpoint counts under a policy.

use std::fmt;

use super::{Policy, PolicyWitness, QuorumVerdict};
use crate::checkpoint::Checkpoint;
use crate::cosignature::Cosignature;
use crate::note::{Judgement, NoteRejected, NoteSignature, SignedNote, VerifierKey};

impl Policy {
    /// Verifies a checkpoint: its origin is that of a log of this policy, that log signed it, no signature by a key of this
    /// policy is bad, and the cosignatures meet the quorum.
    ///
    /// `judge` says whether a signature is by a key of this policy, as for [`SignedNote::verify`]. It is asked about no other.
    ///
    /// # Errors
    /// At the first of these steps that fails.
    pub fn verify_note(
        &self,
        note: &SignedNote,
        judge: impl Fn(&str, &NoteSignature) -> Judgement,
    ) -> Result<Accepted, CheckpointRejected> {
        let checkpoint = Checkpoint::parse(note.text())
            .map_err(|error| CheckpointRejected::Malformed(error.to_string()))?;
        let origin = checkpoint.origin();
        if !self.logs.iter().any(|log| log.key.name() == origin) {
            return Err(CheckpointRejected::UnknownOrigin {
                origin: origin.to_owned(),
                accepted: self
                    .logs
                    .iter()
                    .map(|log| log.key.name().to_owned())
                    .collect(),
            });
        }
        let valid = note
            .verify(|text, signature| {
                if self.keys().any(|key| is_by(signature, key)) {
                    judge(text, signature)
                } else {
                    Judgement::Unknown
                }
            })
            .map_err(CheckpointRejected::Signature)?;
        if !self
            .logs
            .iter()
            .filter(|log| log.key.name() == origin)
            .any(|log| valid.iter().any(|signature| is_by(signature, &log.key)))
        {
            return Err(CheckpointRejected::NotSignedByLog {
                origin: origin.to_owned(),
            });
        }
        let times = self.times(&valid)?;
        let quorum = self.evaluate(|witness| times.iter().any(|(name, _)| *name == witness.name));
        if !quorum.is_met() {
            return Err(CheckpointRejected::Quorum(quorum));
        }
        Ok(Accepted {
            checkpoint,
            quorum,
            times,
        })
    }

    fn keys(&self) -> impl Iterator<Item = &VerifierKey> {
        let logs = self.logs.iter().map(|log| &log.key);
        logs.chain(self.witnesses.iter().map(|witness| &witness.key))
    }

    /// When each witness cosigned, by the newest of its valid lines.
    fn times(&self, valid: &[&NoteSignature]) -> Result<Vec<(String, u64)>, CheckpointRejected> {
        let mut times = Vec::new();
        for PolicyWitness { name, key, .. } in &self.witnesses {
            let mut newest = None;
            for signature in valid.iter().filter(|signature| is_by(signature, key)) {
                // Whoever called this valid did not look at it as a cosignature.
                let cosignature = Cosignature::from_bytes(signature.bytes())
                    .map_err(|error| CheckpointRejected::Malformed(error.to_string()))?;
                newest = newest.max(Some(cosignature.time()));
            }
            times.extend(newest.map(|time| (name.clone(), time)));
        }
        Ok(times)
    }
}

fn is_by(signature: &NoteSignature, key: &VerifierKey) -> bool {
    signature.id() == key.id() && signature.name() == key.name()
}

/// A checkpoint that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    checkpoint: Checkpoint,
    quorum: QuorumVerdict,
    times: Vec<(String, u64)>,
}

impl Accepted {
    /// The checkpoint.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Who cosigned, and who did not.
    #[must_use]
    pub const fn quorum(&self) -> &QuorumVerdict {
        &self.quorum
    }

    /// For each witness that cosigned its name in the policy and the time that it states, in seconds of the Unix epoch.
    #[must_use]
    pub fn times(&self) -> &[(String, u64)] {
        &self.times
    }
}

/// Why a signed checkpoint does not count, by the step that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckpointRejected {
    /// The text is no checkpoint, or a witness's line no cosignature.
    Malformed(
        /// What is wrong with it.
        String,
    ),
    /// No log of the policy has this origin.
    UnknownOrigin {
        /// The checkpoint's origin.
        origin: String,
        /// The origins of the policy's logs.
        accepted: Vec<String>,
    },
    /// A signature that claims a key of the policy is bad, or no key of the policy signed.
    Signature(NoteRejected),
    /// Keys of the policy signed, but not the log whose checkpoint it is.
    NotSignedByLog {
        /// The checkpoint's origin.
        origin: String,
    },
    /// The log signed, but too few witnesses cosigned.
    Quorum(QuorumVerdict),
}

/// Names are shown with escapes for what could steer a terminal or hide.
impl fmt::Display for CheckpointRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => f.write_str(why),
            Self::UnknownOrigin { origin, accepted } if accepted.is_empty() => write!(
                f,
                "the policy names no log: give it a log line with the verifier key of {}",
                origin.escape_debug()
            ),
            Self::UnknownOrigin { origin, accepted } => write!(
                f,
                "its origin {} is none of the policy's logs, {}",
                origin.escape_debug(),
                accepted.join(", ").escape_debug()
            ),
            Self::Signature(rejected) => rejected.fmt(f),
            Self::NotSignedByLog { origin } => write!(
                f,
                "no key of the policy for the log {} signed it, only others did",
                origin.escape_debug()
            ),
            Self::Quorum(verdict) => verdict.fmt(f),
        }
    }
}

impl std::error::Error for CheckpointRejected {}
