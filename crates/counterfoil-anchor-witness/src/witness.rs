//! A witness: it cosigns the heads of the logs that it follows, as long as each continues the one before.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_core::Clock;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::{KeyType, NoteSignature, SignedNote, VerifierKey};
use counterfoil_merkle::policy::Policy;
use counterfoil_merkle::witness::AddCheckpoint;
use counterfoil_merkle::{EMPTY_ROOT, ErrorKind as MerkleErrorKind};
use counterfoil_signer::{CosignatureVerifier, Ed25519Verifier, Keyring, Signer, cosign};

use crate::evidence::sha256_hex;
use crate::{Error, Refusal, WitnessStorage};

const MAKE: &str = "make a witness";

/// A C2SP witness, without its sockets: it judges requests to cosign and keeps what it cosigned in a [`WitnessStorage`].
///
/// It follows the logs of a policy's `log` lines, each known by its origin. A chain id names an incarnation, so a log that had
/// to begin anew has another origin, which is followed once it has a line of its own: that a log began anew is something for
/// its witnesses to look at.
///
/// Per log, comparing with what was cosigned last and storing the new head is one step. The head is on stable storage, as
/// far as the storage's promise goes, before its cosignature is answered.
///
/// ```
/// use std::sync::Arc;
/// use counterfoil_anchor_witness::{FileWitnessStorage, Witness};
/// use counterfoil_core::SystemClock;
/// use counterfoil_merkle::policy::Policy;
/// use counterfoil_signer::Ed25519Signer;
///
/// # let directory = tempfile::tempdir()?;
/// let signer = Ed25519Signer::from_seed("witness.example/w1", &[7; 32])?;
/// let policy = Policy::parse(
///     b"log example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n\
///       quorum none\n",
/// )?;
/// let storage = FileWitnessStorage::open(directory.path())?;
/// let witness = Witness::new(Arc::new(signer), &policy, storage, SystemClock::new())?;
/// let refused = witness.add_checkpoint(b"old 0\n").unwrap_err();
/// assert_eq!(refused.status(), 400);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Witness<S> {
    signer: Arc<dyn Signer>,
    /// Knows the witness's own key as a cosigner's.
    own: Keyring,
    key: VerifierKey,
    /// By origin.
    logs: BTreeMap<String, FollowedLog>,
    /// Origins by the hex of their SHA-256, as monitors ask for them.
    by_hash: BTreeMap<String, String>,
    storage: S,
    clock: Box<dyn Clock>,
}

#[derive(Debug)]
struct FollowedLog {
    keys: Keyring,
    /// Held from comparing to storing.
    turn: Mutex<()>,
}

impl<S: WitnessStorage> Witness<S> {
    /// A witness that signs with `signer`, whose key it has for nothing else, and follows the logs of `policy`.
    ///
    /// # Errors
    /// When the signer has no Ed25519 key, the policy names no log, or a log's key is not sound or is the witness's own.
    pub fn new(
        signer: Arc<dyn Signer>,
        policy: &Policy,
        storage: S,
        clock: impl Clock,
    ) -> Result<Self, Error> {
        let key = match signer.verifier_key() {
            Some(key) if key.key_type() == KeyType::Ed25519 => key,
            _ => return Err(Error::invalid(MAKE, "its signer has no Ed25519 key")),
        };
        let mut own = Keyring::new();
        CosignatureVerifier::new(key.as_cosigner())
            .and_then(|verifier| own.trust(verifier))
            .map_err(|error| Error::invalid(MAKE, error.to_string()))?;
        let mut logs = BTreeMap::new();
        for log in policy.logs() {
            follow(&mut logs, log.key(), key)?;
        }
        if logs.is_empty() {
            return Err(Error::invalid(
                MAKE,
                "the policy names no log to follow; give it a line \"log\" with the verifier key of each",
            ));
        }
        let by_hash = logs
            .keys()
            .map(|origin| (sha256_hex(origin.as_bytes()), origin.clone()))
            .collect();
        Ok(Self {
            key: key.as_cosigner(),
            own,
            signer,
            logs,
            by_hash,
            storage,
            clock: Box::new(clock),
        })
    }

    /// The witness's public key, of type 0x04, as the policies of others name it.
    #[must_use]
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The origins of the logs that it follows.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.logs.keys().map(String::as_str)
    }

    /// Judges the body of a request to `add-checkpoint` and answers with the cosignature.
    ///
    /// # Errors
    /// [`Refusal`], with the status that the protocol asks for.
    pub fn add_checkpoint(&self, body: &[u8]) -> Result<NoteSignature, Refusal> {
        let request = parse(body)?;
        let origin = request.checkpoint().origin();
        let log = self
            .logs
            .get(origin)
            .ok_or_else(|| Refusal::UnknownLog(origin.to_owned()))?;
        let signers = log
            .keys
            .verify_note(request.note())
            .map_err(|rejected| Refusal::Untrusted(rejected.to_string()))?;
        let signed = only_signed_by(request.note(), &signers)?;

        // A panic in here leaves the storage with the old head or the new one.
        let _turn = log.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let recorded = self.recorded(origin, log)?;
        self.check(&request, &signed, recorded.as_ref())?;
        self.cosign(request.checkpoint(), signed)
    }

    /// The last head that was cosigned for the log whose origin has this SHA-256, in lower-case hex, with the log's and the
    /// witness's signature; `None` when there is none.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn latest(&self, origin_hash: &str) -> Result<Option<String>, Error> {
        let Some(origin) = self.by_hash.get(origin_hash) else {
            return Ok(None);
        };
        self.storage
            .load(origin)
            .map_err(|error| Error::storage("show the last head", origin, error))
    }

    /// What was cosigned last.
    fn recorded(&self, origin: &str, log: &FollowedLog) -> Result<Option<Recorded>, Refusal> {
        const LOAD: &str = "load the last head";
        let Some(text) = self
            .storage
            .load(origin)
            .map_err(|error| Refusal::Failed(Error::storage(LOAD, origin, error)))?
        else {
            return Ok(None);
        };
        let corrupt =
            |why: String| Refusal::Failed(Error::storage(LOAD, origin, io::Error::other(why)));
        let note = SignedNote::parse(&text).map_err(|error| corrupt(error.to_string()))?;
        let checkpoint =
            Checkpoint::parse(note.text()).map_err(|error| corrupt(error.to_string()))?;
        // One of both holds even after the other key was replaced.
        if checkpoint.origin() != origin
            || !(self.own.verify_note(&note).is_ok() || log.keys.verify_note(&note).is_ok())
        {
            return Err(corrupt(
                "it is not signed by this witness or by the log, so nothing of this log is cosigned until somebody has looked"
                    .to_owned(),
            ));
        }
        Ok(Some(Recorded { text, checkpoint }))
    }

    /// Whether the request continues what was cosigned last.
    fn check(
        &self,
        request: &AddCheckpoint,
        signed: &SignedNote,
        recorded: Option<&Recorded>,
    ) -> Result<(), Refusal> {
        let (size, root) = recorded.map_or((0, EMPTY_ROOT), |recorded| {
            (recorded.checkpoint.size(), recorded.checkpoint.root())
        });
        let evidence = match recorded {
            Some(recorded) if contradicts(&recorded.checkpoint, request.checkpoint()) => {
                self.keep(recorded, request.checkpoint().size(), signed)
            }
            _ => Vec::new(),
        };
        if request.old_size() != size {
            return Err(Refusal::WrongSize { size, evidence });
        }
        request
            .verify_growth(&root)
            .map_err(|rejected| Refusal::Inconsistent {
                why: rejected.to_string(),
                evidence,
            })
    }

    /// Keeps both heads. That they cannot be kept is no reason to answer otherwise; the storage's owner is told by the empty
    /// list.
    fn keep(&self, recorded: &Recorded, size: u64, signed: &SignedNote) -> Vec<PathBuf> {
        let refused = signed.to_text();
        let heads = [
            (recorded.checkpoint.size(), &*recorded.text),
            (size, &*refused),
        ];
        self.storage
            .keep_evidence(recorded.checkpoint.origin(), &heads)
            .unwrap_or_default()
    }

    /// Signs, stores and only then answers.
    fn cosign(
        &self,
        checkpoint: &Checkpoint,
        mut note: SignedNote,
    ) -> Result<NoteSignature, Refusal> {
        const COSIGN: &str = "cosign a head";
        let failed = |why: String| Refusal::Failed(Error::invalid(COSIGN, why));
        let time = self.clock.utc().unix_nanos() / 1_000_000_000;
        let line = cosign(&*self.signer, checkpoint, time)
            .map_err(|error| failed(error.to_string()))?
            .ok_or_else(|| failed("the signer signed nothing".to_owned()))?;
        note.add_signature(line.clone())
            .map_err(|error| failed(error.to_string()))?;
        self.storage
            .store(checkpoint.origin(), &note.to_text())
            .map_err(|error| {
                Refusal::Failed(Error::storage("store a head", checkpoint.origin(), error))
            })?;
        Ok(line)
    }
}

/// What was cosigned last for a log.
struct Recorded {
    text: String,
    checkpoint: Checkpoint,
}

/// Whether both are of one size and show different trees.
fn contradicts(one: &Checkpoint, other: &Checkpoint) -> bool {
    one.size() == other.size() && one.root() != other.root()
}

fn follow(
    logs: &mut BTreeMap<String, FollowedLog>,
    key: &VerifierKey,
    own: &VerifierKey,
) -> Result<(), Error> {
    if key.public_key() == own.public_key() {
        return Err(Error::invalid(
            MAKE,
            format!(
                "the log {} is signed by the witness's own key, and one key has one role; make a second one",
                key.name()
            ),
        ));
    }
    let log = logs
        .entry(key.name().to_owned())
        .or_insert_with(|| FollowedLog {
            keys: Keyring::new(),
            turn: Mutex::new(()),
        });
    Ed25519Verifier::new(key.clone())
        .and_then(|verifier| log.keys.trust(verifier))
        .map_err(|error| Error::invalid(MAKE, error.to_string()))
}

fn parse(body: &[u8]) -> Result<AddCheckpoint, Refusal> {
    let body = std::str::from_utf8(body)
        .map_err(|_| Refusal::Malformed("the body is not text".to_owned()))?;
    AddCheckpoint::parse(body).map_err(|error| match error.kind() {
        MerkleErrorKind::Contradictory => Refusal::Inconsistent {
            why: error.to_string(),
            evidence: Vec::new(),
        },
        _ => Refusal::Malformed(error.to_string()),
    })
}

/// The note with the lines of these keys alone: what strangers signed is none of the witness's business, and takes no room in
/// its storage.
fn only_signed_by(note: &SignedNote, signers: &[&VerifierKey]) -> Result<SignedNote, Refusal> {
    let broken = |error: counterfoil_merkle::Error| Refusal::Malformed(error.to_string());
    let mut trusted = note.signatures().iter().filter(|line| {
        signers
            .iter()
            .any(|key| key.name() == line.name() && key.id() == line.id())
    });
    // Verified by at least one key, so there is one.
    let first = trusted
        .next()
        .ok_or_else(|| Refusal::Untrusted("nobody signed it".to_owned()))?;
    let mut kept = SignedNote::new(note.text(), first.clone()).map_err(broken)?;
    for line in trusted {
        // The same key twice says nothing new.
        if kept
            .signatures()
            .iter()
            .any(|other| other.name() == line.name() && other.id() == line.id())
        {
            continue;
        }
        kept.add_signature(line.clone()).map_err(broken)?;
    }
    Ok(kept)
}
