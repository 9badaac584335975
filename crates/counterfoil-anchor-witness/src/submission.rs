//! Asking one witness to cosign one head.

use std::path::PathBuf;
use std::time::Instant;

use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::{NoteSignature, SignedNote};
use counterfoil_merkle::witness::{
    AddCheckpoint, SIZE_CONTENT_TYPE, parse_cosignatures, parse_size,
};
use counterfoil_signer::{CosignatureVerifier, Keyring, Verifier as _};

use crate::evidence::{EvidenceDir, sha256_hex};
use crate::figures::Outcome;
use crate::http::{Answer, HttpClient, NoAnswer};
use crate::tree::{TreeSource, prove};

/// How often the size may turn out to be another one. Once is normal, twice means that somebody else submits too.
const MOST_ATTEMPTS: usize = 3;
/// How much of an answer is quoted.
const QUOTED: usize = 160;

/// A witness that can be asked.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// Its name in the policy.
    pub(crate) name: String,
    /// Its submission prefix, without a slash at the end.
    pub(crate) prefix: String,
    pub(crate) key: CosignatureVerifier,
}

impl Endpoint {
    /// Whether its cosignature is under the note.
    pub(crate) fn has_cosigned(&self, note: &SignedNote) -> bool {
        let key = self.key.key();
        note.signatures().iter().any(|line| {
            line.name() == key.name()
                && line.id() == key.id()
                && self.key.verify(note.text().as_bytes(), line.bytes())
        })
    }
}

/// Why a witness did not cosign.
#[derive(Clone, Debug)]
pub(crate) struct NotCosigned {
    pub(crate) outcome: Outcome,
    pub(crate) why: String,
    /// Of a split view: where both heads are kept.
    pub(crate) files: Vec<PathBuf>,
}

impl NotCosigned {
    pub(crate) fn new(outcome: Outcome, why: impl Into<String>) -> Self {
        Self {
            outcome,
            why: why.into(),
            files: Vec::new(),
        }
    }
}

/// The head that witnesses are asked about, and what it takes to ask.
#[derive(Debug)]
pub(crate) struct Submission<'a> {
    pub(crate) client: &'a HttpClient,
    pub(crate) tree: &'a dyn TreeSource,
    pub(crate) evidence: &'a EvidenceDir,
    pub(crate) log_keys: &'a Keyring,
    pub(crate) note: &'a SignedNote,
    pub(crate) checkpoint: &'a Checkpoint,
    pub(crate) deadline: Instant,
}

impl Submission<'_> {
    /// Asks the witness, which is believed to have cosigned the size `known` last, until it cosigns or refuses.
    pub(crate) fn ask(&self, witness: &Endpoint, known: u64) -> Result<NoteSignature, NotCosigned> {
        let mut old_size = known.min(self.checkpoint.size());
        for _ in 0..MOST_ATTEMPTS {
            let answer = self.post(witness, old_size)?;
            match answer.status {
                200 => return self.cosignature(witness, &answer),
                409 => match named_size(&answer)? {
                    Some(size) if size != old_size && size <= self.checkpoint.size() => {
                        old_size = size;
                    }
                    _ => return Err(self.examine(witness, &answer)),
                },
                422 => return Err(self.examine(witness, &answer)),
                _ => return Err(refusal(&answer)),
            }
        }
        Err(NotCosigned::new(
            Outcome::Refused,
            "it named another size each time it was asked; does somebody else submit heads of this log?",
        ))
    }

    fn post(&self, witness: &Endpoint, old_size: u64) -> Result<Answer, NotCosigned> {
        let no_proof = |why: String| NotCosigned::new(Outcome::NoProof, why);
        let (_, proof) = prove(self.tree, old_size, self.checkpoint)
            .map_err(|error| no_proof(error.to_string()))?;
        let request = AddCheckpoint::new(old_size, proof, self.note.clone())
            .map_err(|error| no_proof(error.to_string()))?;
        let url = format!("{}/add-checkpoint", witness.prefix);
        self.client
            .post(&url, request.to_text().as_bytes(), self.deadline)
            .map_err(no_answer)
    }

    /// The witness's own cosignature out of the answer. Lines of other keys are ignored.
    fn cosignature(
        &self,
        witness: &Endpoint,
        answer: &Answer,
    ) -> Result<NoteSignature, NotCosigned> {
        let bad = |why: String| NotCosigned::new(Outcome::BadAnswer, why);
        let body = std::str::from_utf8(&answer.body)
            .map_err(|_| bad("its answer is not text".to_owned()))?;
        let lines = parse_cosignatures(body).map_err(|error| bad(error.to_string()))?;
        let key = witness.key.key();
        let is_its = |line: &&NoteSignature| line.name() == key.name() && line.id() == key.id();
        let mut its = lines.iter().filter(is_its);
        let Some(line) = its.next() else {
            return Err(bad(format!(
                "its answer has no cosignature by {}+{}; is that its key?",
                key.name(),
                key.id()
            )));
        };
        if its.next().is_some() {
            return Err(bad("it signed twice in one answer".to_owned()));
        }
        if !witness
            .key
            .verify(self.note.text().as_bytes(), line.bytes())
        {
            return Err(bad("its cosignature does not verify".to_owned()));
        }
        Ok(line.clone())
    }

    /// The witness does not take the head: looks at the one that it has, and keeps both when the log signed both and they
    /// contradict each other.
    fn examine(&self, witness: &Endpoint, answer: &Answer) -> NotCosigned {
        let inconsistent = |why: String| {
            NotCosigned::new(
                Outcome::Inconsistent,
                format!("{}; {why}", described(answer)),
            )
        };
        let shown = match self.fetch(witness) {
            Ok(shown) => shown,
            Err(why) => return inconsistent(format!("it shows no signed head of its own: {why}")),
        };
        match self.contradiction(&shown.1) {
            Ok(Some(contradiction)) => self.keep(&shown, &contradiction),
            Ok(None) => inconsistent("the head that it shows agrees with the log".to_owned()),
            Err(why) => inconsistent(format!("its head cannot be compared: {why}")),
        }
    }

    /// The head that the witness shows, signed by the log.
    fn fetch(&self, witness: &Endpoint) -> Result<(String, Checkpoint), String> {
        let origin = self.checkpoint.origin();
        let url = format!(
            "{}/{}/checkpoint",
            witness.prefix,
            sha256_hex(origin.as_bytes())
        );
        let answer = self
            .client
            .get(&url, self.deadline)
            .map_err(|error| no_answer(error).why)?;
        if answer.status != 200 {
            return Err(described(&answer));
        }
        let text = String::from_utf8(answer.body).map_err(|_| "it is not text".to_owned())?;
        let note = SignedNote::parse(&text).map_err(|error| error.to_string())?;
        self.log_keys
            .verify_note(&note)
            .map_err(|rejected| rejected.to_string())?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
        if checkpoint.origin() != origin {
            return Err(format!("it is of {:?}", checkpoint.origin()));
        }
        Ok((text, checkpoint))
    }

    /// What is wrong between the head that was offered and another one that the log signed.
    fn contradiction(&self, theirs: &Checkpoint) -> Result<Option<String>, String> {
        let (ours, size) = (self.checkpoint, theirs.size());
        if size > ours.size() {
            return Ok(Some(format!(
                "at size {size}, which is beyond {}: the log was rolled back, or a second writer is at work",
                ours.size()
            )));
        }
        let root = if size == ours.size() {
            ours.root()
        } else {
            prove(self.tree, size, ours)
                .map_err(|error| error.to_string())?
                .0
        };
        Ok((root != theirs.root()).then(|| {
            format!(
                "with the root {} at size {size}, where the log has {root}",
                theirs.root()
            )
        }))
    }

    fn keep(&self, shown: &(String, Checkpoint), contradiction: &str) -> NotCosigned {
        let (text, theirs) = shown;
        let ours = self.note.to_text();
        let heads = [(self.checkpoint.size(), &*ours), (theirs.size(), &**text)];
        let why = format!("it has cosigned another head that this log signed, {contradiction}");
        match self.evidence.keep(self.checkpoint.origin(), &heads) {
            Ok(files) => NotCosigned {
                outcome: Outcome::SplitView,
                why: format!(
                    "{why}; both signed heads are kept in {} and {}",
                    files[0].display(),
                    files[1].display()
                ),
                files,
            },
            Err(error) => NotCosigned::new(
                Outcome::SplitView,
                format!(
                    "{why}; the signed heads cannot be kept in {} ({error}), so copy the one that it shows",
                    self.evidence.path().display()
                ),
            ),
        }
    }
}

fn no_answer(error: NoAnswer) -> NotCosigned {
    match error {
        NoAnswer::TimedOut => NotCosigned::new(Outcome::TimedOut, "it did not answer in time"),
        NoAnswer::Failed(why) => NotCosigned::new(Outcome::Unreachable, why),
    }
}

/// The size that a 409 names; `None` when it names none, which some witnesses answer to another root of the same size.
fn named_size(answer: &Answer) -> Result<Option<u64>, NotCosigned> {
    if answer.content_type.as_deref() != Some(SIZE_CONTENT_TYPE) {
        return Ok(None);
    }
    let bad = |why: String| NotCosigned::new(Outcome::BadAnswer, why);
    let body = std::str::from_utf8(&answer.body)
        .map_err(|_| bad("the size that it names is not text".to_owned()))?;
    parse_size(body)
        .map(Some)
        .map_err(|error| bad(error.to_string()))
}

fn refusal(answer: &Answer) -> NotCosigned {
    let (outcome, hint) = match answer.status {
        404 => (
            Outcome::UnknownLog,
            "; its operator has to list this log, under this chain id",
        ),
        403 => (
            Outcome::UntrustedKey,
            "; its operator has to list the key that signs this log's heads",
        ),
        _ => (Outcome::Refused, ""),
    };
    NotCosigned::new(outcome, format!("{}{hint}", described(answer)))
}

/// The status, and the beginning of what was said with it.
fn described(answer: &Answer) -> String {
    let body = String::from_utf8_lossy(&answer.body);
    let said: String = body.trim().chars().take(QUOTED).collect();
    if said.is_empty() {
        return format!("it answered {}", answer.status);
    }
    format!("it answered {} ({said:?})", answer.status)
}
