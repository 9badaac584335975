//! The anchor store that has heads cosigned before it keeps them.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use counterfoil_anchor::{Anchor, AnchorStore, Error, check_advance};
use counterfoil_core::{ChainId, Head};
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::{NoteSignature, SignedNote};
use counterfoil_merkle::policy::{Policy, QuorumVerdict};
use counterfoil_signer::{Ed25519Verifier, Keyring};

use crate::builder::Builder;
use crate::event::{Listener, WitnessEvent, WitnessFailure};
use crate::evidence::EvidenceDir;
use crate::figures::{Counters, FiguresReader, Outcome};
use crate::http::HttpClient;
use crate::submission::{Endpoint, NotCosigned, Submission};
use crate::tree::TreeSource;

/// Most witnesses that are asked at the same time.
const MOST_AT_ONCE: usize = 32;

/// What becomes of a head that too few witnesses cosigned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the anchor either advances or does not"
)]
pub enum OnQuorumMissed {
    /// The anchor does not advance; [`ErrorKind::Unwitnessed`](counterfoil_anchor::ErrorKind::Unwitnessed) says who failed.
    #[default]
    FailClosed,
    /// The anchor advances with the cosignatures that there are. It is counted and told, and a verifier with the same policy
    /// does not accept the head. A split view is refused all the same.
    FailOpen,
}

/// An [`AnchorStore`] that has the signed checkpoint of each head cosigned by the witnesses of a policy and then keeps it, with
/// their cosignatures, in another store.
///
/// For one log. Every witness of the policy that has a URL is asked, up to 32 at once, each with a deadline; when enough of
/// them cosigned for the quorum of the policy the inner store is advanced, and answers with the cosigned checkpoint. A witness
/// is shown a head only if the inner store would take it.
///
/// When a witness shows a head that contradicts the one it was asked about, and the log signed both, both are kept as
/// evidence and the anchor does not advance, whatever the quorum.
///
/// ```
/// use counterfoil_anchor::MemoryAnchorStore;
/// use counterfoil_anchor_witness::{EvidenceDir, TileDirectory, WitnessedAnchorStore};
/// use counterfoil_merkle::policy::Policy;
///
/// let policy = Policy::parse(
///     b"log example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n\
///       quorum none\n",
/// )?;
/// let store = WitnessedAnchorStore::builder(
///     MemoryAnchorStore::new(),
///     policy,
///     TileDirectory::new("/var/lib/leases/audit"),
///     EvidenceDir::new("/var/lib/leases/evidence"),
/// )
/// .build()?;
/// let figures = store.figures_reader();
/// assert_eq!(figures.read().quorum_missed, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WitnessedAnchorStore<S> {
    pub(crate) inner: S,
    pub(crate) policy: Policy,
    pub(crate) witnesses: Vec<Endpoint>,
    /// Per witness what it cosigned last, as far as this store knows.
    pub(crate) known: Vec<Mutex<Option<(String, u64)>>>,
    pub(crate) tree: Arc<dyn TreeSource>,
    pub(crate) evidence: EvidenceDir,
    pub(crate) client: HttpClient,
    pub(crate) deadline: Duration,
    pub(crate) on_quorum_missed: OnQuorumMissed,
    pub(crate) counters: Arc<Counters>,
    pub(crate) on_event: Option<Listener>,
}

impl<S: AnchorStore> WitnessedAnchorStore<S> {
    /// A store that keeps in `inner` what the witnesses of `policy` cosigned. Proofs are made from `tree`, the tree of the log;
    /// heads that contradict each other are kept in `evidence`.
    pub fn builder(
        inner: S,
        policy: Policy,
        tree: impl TreeSource,
        evidence: EvidenceDir,
    ) -> Builder<S> {
        Builder::new(inner, policy, Arc::new(tree), evidence)
    }

    /// Reads its figures, also once the store belongs to a log.
    #[must_use]
    pub fn figures_reader(&self) -> FiguresReader {
        FiguresReader(Arc::clone(&self.counters))
    }

    /// Has the anchor cosigned: the same one with further signature lines.
    fn cosigned(&self, anchor: Anchor) -> Result<Anchor, Error> {
        let (note, checkpoint, log_keys) = match self.parsed(&anchor) {
            Ok(parsed) => parsed,
            Err(why) => return self.unsigned(anchor, &why),
        };
        let missing: Vec<usize> = (0..self.witnesses.len())
            .filter(|at| !self.witnesses[*at].has_cosigned(&note))
            .collect();
        let answers = self.ask(&missing, &note, &checkpoint, &log_keys);
        let mut cosigned = note;
        let mut failures = Vec::new();
        for (at, answer) in answers {
            let outcome = answer
                .as_ref()
                .map_or_else(|no| no.outcome, |_| Outcome::Cosigned);
            self.counters.count(at, outcome, checkpoint.size());
            match answer {
                Ok(line) => cosigned.add_signature(line).map_err(invalid)?,
                Err(no) => failures.push(WitnessFailure::new(&self.witnesses[at].name, no)),
            }
        }
        self.tell_split_views(anchor.head(), &failures)?;
        let verdict = self.policy.evaluate(|witness| {
            let mut asked = self.witnesses.iter();
            asked.any(|it| it.name == witness.name() && it.has_cosigned(&cosigned))
        });
        self.judge(anchor.head(), &verdict, failures)?;
        Anchor::new(anchor.head().clone())?.with_checkpoint(cosigned.to_text())
    }

    /// The anchor's note and checkpoint, which the policy's key of this log has signed; an `Err` says why no witness can be
    /// asked about it.
    fn parsed(&self, anchor: &Anchor) -> Result<(SignedNote, Checkpoint, Keyring), String> {
        let text = anchor
            .checkpoint()
            .ok_or("it has no signed checkpoint: give the log a signing key")?;
        let note = SignedNote::parse(text).map_err(|error| error.to_string())?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
        let mut keys = Keyring::new();
        let logs = self.policy.logs().iter().map(|log| log.key());
        for key in logs.filter(|key| key.name() == checkpoint.origin()) {
            Ed25519Verifier::new(key.clone())
                .and_then(|verifier| keys.trust(verifier))
                .map_err(|error| error.to_string())?;
        }
        if keys.is_empty() {
            return Err(format!(
                "the policy has no log line for {}: add one with the key that signs its heads",
                checkpoint.origin()
            ));
        }
        keys.verify_note(&note).map_err(|error| error.to_string())?;
        Ok((note, checkpoint, keys))
    }

    fn unsigned(&self, anchor: Anchor, why: &str) -> Result<Anchor, Error> {
        let verdict = self.policy.evaluate(|_| false);
        let head = anchor.head();
        let why = format!(
            "record {} of {} cannot be shown to witnesses: {why}",
            head.seq, head.chain
        );
        self.settle(head, verdict.is_met(), why, Vec::new())?;
        Ok(anchor)
    }

    fn judge(
        &self,
        head: &Head,
        verdict: &QuorumVerdict,
        failures: Vec<WitnessFailure>,
    ) -> Result<(), Error> {
        let mut why = format!("record {} of {}: {verdict}", head.seq, head.chain);
        for failure in &failures {
            why.push_str(&format!("; {failure}"));
        }
        self.settle(head, verdict.is_met(), why, failures)
    }

    /// Counts and tells whether the quorum is met, and decides whether the anchor may advance.
    fn settle(
        &self,
        head: &Head,
        met: bool,
        why: String,
        failures: Vec<WitnessFailure>,
    ) -> Result<(), Error> {
        if met {
            self.counters.quorum_met.fetch_add(1, Ordering::Relaxed);
            self.tell(&WitnessEvent::QuorumMet {
                head: head.clone(),
                failures,
            });
            return Ok(());
        }
        self.counters.quorum_missed.fetch_add(1, Ordering::Relaxed);
        let advanced = self.on_quorum_missed == OnQuorumMissed::FailOpen;
        if advanced {
            self.counters
                .advanced_without_quorum
                .fetch_add(1, Ordering::Relaxed);
        }
        self.tell(&WitnessEvent::QuorumMissed {
            head: head.clone(),
            why: why.clone(),
            failures,
            advanced,
        });
        if advanced {
            Ok(())
        } else {
            Err(Error::unwitnessed(why))
        }
    }

    fn tell_split_views(&self, head: &Head, failures: &[WitnessFailure]) -> Result<(), Error> {
        let Some(failure) = failures
            .iter()
            .find(|failure| failure.outcome == Outcome::SplitView)
        else {
            return Ok(());
        };
        let why = format!("record {} of {}: {failure}", head.seq, head.chain);
        self.tell(&WitnessEvent::SplitView {
            head: head.clone(),
            failures: failures.to_vec(),
        });
        Err(Error::split_view(why))
    }

    fn tell(&self, event: &WitnessEvent) {
        if let Some(on_event) = &self.on_event {
            on_event(event);
        }
    }

    /// Asks these witnesses, several at once, and answers in their order.
    fn ask(
        &self,
        witnesses: &[usize],
        note: &SignedNote,
        checkpoint: &Checkpoint,
        log_keys: &Keyring,
    ) -> Vec<(usize, Result<NoteSignature, NotCosigned>)> {
        let answers: Vec<Mutex<Option<Result<NoteSignature, NotCosigned>>>> =
            witnesses.iter().map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let (Some(at), Some(slot)) = (witnesses.get(place), answers.get(place)) else {
                    break;
                };
                *lock(slot) = Some(self.ask_one(*at, note, checkpoint, log_keys));
            }
        };
        thread::scope(|scope| {
            for _ in 1..witnesses.len().min(MOST_AT_ONCE) {
                // Without a thread this one does the work, one witness after the other.
                if thread::Builder::new().spawn_scoped(scope, work).is_err() {
                    break;
                }
            }
            work();
        });
        let unasked = || NotCosigned::new(Outcome::Unreachable, "asking it ended in a panic");
        let answer = |slot: Mutex<Option<_>>| {
            slot.into_inner()
                .unwrap_or_else(PoisonError::into_inner)
                .unwrap_or_else(|| Err(unasked()))
        };
        witnesses
            .iter()
            .copied()
            .zip(answers.into_iter().map(answer))
            .collect()
    }

    fn ask_one(
        &self,
        at: usize,
        note: &SignedNote,
        checkpoint: &Checkpoint,
        log_keys: &Keyring,
    ) -> Result<NoteSignature, NotCosigned> {
        let submission = Submission {
            client: &self.client,
            tree: &*self.tree,
            evidence: &self.evidence,
            log_keys,
            note,
            checkpoint,
            deadline: Instant::now() + self.deadline,
        };
        let known = match &*lock(&self.known[at]) {
            Some((origin, size)) if origin == checkpoint.origin() => *size,
            _ => 0,
        };
        let line = submission.ask(&self.witnesses[at], known)?;
        *lock(&self.known[at]) = Some((checkpoint.origin().to_owned(), checkpoint.size()));
        Ok(line)
    }

    /// What the witnesses cosigned last, as the anchor that is kept says, so that the first question need not be about size 0.
    fn recall(&self, current: &Anchor) {
        let Ok((note, checkpoint, _)) = self.parsed(current) else {
            return;
        };
        for (witness, known) in self.witnesses.iter().zip(&self.known) {
            let mut known = lock(known);
            if known.is_none() && witness.has_cosigned(&note) {
                *known = Some((checkpoint.origin().to_owned(), checkpoint.size()));
            }
        }
    }
}

#[async_trait]
impl<S: AnchorStore> AnchorStore for WitnessedAnchorStore<S> {
    async fn load(&self, chain: &ChainId) -> Result<Option<Anchor>, Error> {
        self.inner.load(chain).await
    }

    async fn advance(
        &self,
        chain: &ChainId,
        expected: Option<&Head>,
        next: &Anchor,
    ) -> Result<Anchor, Error> {
        let current = self.inner.load(chain).await?;
        // Witnesses are shown no head that the inner store would refuse.
        let wanted = check_advance(current.as_ref(), chain, expected, next)?.clone();
        if let Some(current) = &current {
            self.recall(current);
        }
        // If the stored anchor covers the wanted one it is that head which is to gain cosignatures.
        let expected = match &current {
            Some(current) if *current == wanted => Some(current.head()),
            _ => expected,
        };
        let cosigned = self.cosigned(wanted)?;
        self.inner.advance(chain, expected, &cosigned).await
    }
}

impl<S: fmt::Debug> fmt::Debug for WitnessedAnchorStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WitnessedAnchorStore")
            .field("inner", &self.inner)
            .field("witnesses", &self.witnesses)
            .field("tree", &self.tree)
            .field("evidence", &self.evidence)
            .field("deadline", &self.deadline)
            .field("on_quorum_missed", &self.on_quorum_missed)
            .finish_non_exhaustive()
    }
}

/// A panic elsewhere leaves what these hold whole: it is replaced by one assignment.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn invalid(error: counterfoil_merkle::Error) -> Error {
    Error::invalid("add a cosignature to the checkpoint", error.to_string())
}
