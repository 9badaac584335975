//! The heads that a verifier is given, and who signed them (audit specification §6, §11).

use counterfoil_anchor::Anchor;
use counterfoil_core::{ChainId, Digest, Head};
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::{NoteRejected, NoteSignature, SignedNote, VerifierKey};
use counterfoil_signer::{Keyring, Verifier};

use super::log_keys::Checker;
use super::policy::Fault;
use super::reason::Reason;

/// Makes a verifier of a key that a log names, so that signatures of keys in force can be checked although nobody gave them.
/// `None` for keys that it does not understand.
pub type KeyReader = fn(&VerifierKey) -> Option<Box<dyn Verifier>>;

/// A head that the verifier was given, with the checkpoint that came with it. Whether the two agree is part of the
/// verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenHead {
    /// The head.
    pub head: Head,
    /// The signed note over it.
    pub checkpoint: Option<String>,
}

impl GivenHead {
    /// The head, with the root of its checkpoint where it has none itself: whatever signs the checkpoint signs that root, and must not
    /// seem to vouch for a log that has another.
    pub(crate) fn with_root(&self) -> Head {
        let mut head = self.head.clone();
        if head.root.is_none()
            && let Some(Ok(read)) = self.checkpoint.as_deref().map(ReadCheckpoint::parse)
            && read.agrees(&head).is_ok()
        {
            head.root = Some(read.checkpoint.root());
        }
        head
    }
}

impl From<Head> for GivenHead {
    fn from(head: Head) -> Self {
        Self {
            head,
            checkpoint: None,
        }
    }
}

impl From<&Anchor> for GivenHead {
    fn from(anchor: &Anchor) -> Self {
        Self {
            head: anchor.head().clone(),
            checkpoint: anchor.checkpoint().map(str::to_owned),
        }
    }
}

/// The role of a key, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Log,
    Record,
    Epoch,
    Other,
}

impl Role {
    /// Where the chain is not known. Not for epoch keys: their names may be those of log keys of other chains.
    pub(crate) fn by_name(name: &str) -> Self {
        if ChainId::new(name).is_ok() {
            Self::Log
        } else if name
            .strip_suffix("/record")
            .is_some_and(|chain| ChainId::new(chain).is_ok())
        {
            Self::Record
        } else {
            Self::Other
        }
    }

    /// The role of a key for this chain.
    pub(crate) fn of(key: &VerifierKey, chain: &str) -> Self {
        let name = key.name();
        if name == chain {
            Self::Log
        } else if name.strip_suffix("/record") == Some(chain) {
            Self::Record
        } else if epoch_of(name) == Some(chain) {
            Self::Epoch
        } else {
            Self::Other
        }
    }
}

/// The chain that an epoch key's name is about.
pub(crate) fn epoch_of(name: &str) -> Option<&str> {
    let (chain, number) = name.rsplit_once("/epoch/")?;
    let is_number = number
        .parse::<u64>()
        .is_ok_and(|it| it.to_string() == number);
    is_number.then_some(chain)
}

/// What a record must be when the log reaches it.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) seq: u64,
    pub(crate) hash: Option<Digest>,
    pub(crate) root: Option<Digest>,
    /// Who says so.
    pub(crate) from: &'static str,
}

/// A checkpoint, read.
#[derive(Debug)]
pub(crate) struct ReadCheckpoint {
    pub(crate) note: SignedNote,
    pub(crate) checkpoint: Checkpoint,
}

impl ReadCheckpoint {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let note = SignedNote::parse(text).map_err(|error| error.to_string())?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
        Ok(Self { note, checkpoint })
    }

    /// The signature lines of a key; one, or none, unless somebody added to them.
    pub(crate) fn lines_of(&self, key: &VerifierKey) -> impl Iterator<Item = &NoteSignature> {
        let lines = self.note.signatures().iter();
        lines.filter(|line| line.name() == key.name() && line.id() == key.id())
    }

    /// Whether a key signed it, in each of its lines; `None` where it has none or nobody here can tell.
    pub(crate) fn is_by(&self, key: &VerifierKey, checker: Checker<'_>) -> Option<bool> {
        let text = self.note.text().as_bytes();
        let mut outcome = None;
        for line in self.lines_of(key) {
            let valid = checker.check(key, text, line.bytes())?;
            outcome = Some(outcome.unwrap_or(true) && valid);
        }
        outcome
    }

    /// Whether it says of `head` what `head` says.
    pub(crate) fn agrees(&self, head: &Head) -> Result<(), Fault> {
        let said = &self.checkpoint;
        let differs = |what: &str, checkpoint: String, head: String| {
            Err((
                Reason::Head,
                format!(
                    "the checkpoint has the {what} {checkpoint}, and the head it came with {head}"
                ),
            ))
        };
        if said.origin() != head.chain.as_str() {
            return differs("origin", said.origin().to_owned(), head.chain.to_string());
        }
        if said.size() != head.seq {
            return differs("size", said.size().to_string(), head.seq.to_string());
        }
        match head.root {
            Some(root) if root != said.root() => {
                differs("root", said.root().to_string(), root.to_string())
            }
            _ => Ok(()),
        }
    }

    /// The given keys of this name that signed it.
    pub(crate) fn signed_by(&self, keys: &Keyring, name: &str) -> Result<Vec<VerifierKey>, Fault> {
        match keys.verify_note(&self.note) {
            Ok(signers) => Ok(signers
                .into_iter()
                .filter(|key| key.name() == name)
                .cloned()
                .collect()),
            Err(NoteRejected::BadSignature { name, id, .. }) => Err((
                Reason::Signature,
                format!("the checkpoint's signature by {name}+{id} is not by that key"),
            )),
            Err(_) => Ok(Vec::new()),
        }
    }

    /// Whether a signature fails under one of these keys.
    pub(crate) fn fails_under(&self, keys: &[VerifierKey], reader: KeyReader) -> Option<Fault> {
        for key in keys {
            let Some(verifier) = reader(key) else {
                continue;
            };
            let mine = |signature: &&NoteSignature| {
                signature.name() == key.name() && signature.id() == key.id()
            };
            for signature in self.note.signatures().iter().filter(mine) {
                if !verifier.verify(self.note.text().as_bytes(), signature.bytes()) {
                    return Some((
                        Reason::Signature,
                        format!(
                            "the checkpoint's signature by {}+{}, a key in force, is not by that key",
                            key.name(),
                            key.id()
                        ),
                    ));
                }
            }
        }
        None
    }
}
