//! Settings of a witnessed anchor store.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use counterfoil_anchor::{AnchorStore, Error};
use counterfoil_core::{Clock, SystemClock};
use counterfoil_merkle::policy::{Policy, PolicyWitness};
use counterfoil_signer::CosignatureVerifier;

use crate::event::{Listener, WitnessEvent};
use crate::evidence::EvidenceDir;
use crate::figures::Counters;
use crate::http::HttpClient;
use crate::store::{OnQuorumMissed, WitnessedAnchorStore};
use crate::submission::Endpoint;
use crate::tree::TreeSource;

const MAKE: &str = "make a witnessed anchor store";

/// A [`WitnessedAnchorStore`] that is yet to be built.
#[must_use]
pub struct Builder<S> {
    inner: S,
    policy: Policy,
    tree: Arc<dyn TreeSource>,
    evidence: EvidenceDir,
    deadline: Duration,
    on_quorum_missed: OnQuorumMissed,
    clock: Arc<dyn Clock>,
    on_event: Option<Listener>,
}

impl<S: AnchorStore> Builder<S> {
    pub(crate) fn new(
        inner: S,
        policy: Policy,
        tree: Arc<dyn TreeSource>,
        evidence: EvidenceDir,
    ) -> Self {
        Self {
            inner,
            policy,
            tree,
            evidence,
            deadline: Duration::from_secs(5),
            on_quorum_missed: OnQuorumMissed::default(),
            clock: Arc::new(SystemClock::new()),
            on_event: None,
        }
    }

    /// How long each witness has for its answer, retries included; 5 s unless set. An advance takes about as long when a
    /// witness does not answer at all.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// What becomes of a head that too few witnesses cosigned; the anchor does not advance unless set.
    pub const fn on_quorum_missed(mut self, choice: OnQuorumMissed) -> Self {
        self.on_quorum_missed = choice;
        self
    }

    /// Where ages in the figures come from; the machine's clock unless set.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Is called with what came of each head, on the thread that advances the anchor. It must not block for long.
    pub fn on_event(mut self, tell: impl Fn(&WitnessEvent) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Box::new(tell));
        self
    }

    /// Builds the store.
    ///
    /// # Errors
    /// [`Invalid`](counterfoil_anchor::ErrorKind::Invalid) when the policy names no log, a witness's key is not sound, its URL
    /// is none that can be asked, or the quorum cannot be met by the witnesses that have one.
    pub fn build(self) -> Result<WitnessedAnchorStore<S>, Error> {
        if self.policy.logs().is_empty() {
            return Err(Error::invalid(
                MAKE,
                "the policy names no log: give it a log line with the key that signs this log's heads",
            ));
        }
        let witnesses = self
            .policy
            .witnesses()
            .iter()
            .filter_map(endpoint)
            .collect::<Result<Vec<_>, _>>()?;
        let reachable = |witness: &PolicyWitness| witness.url().is_some();
        let best = self.policy.evaluate(reachable);
        if !best.is_met() {
            return Err(Error::invalid(
                MAKE,
                format!(
                    "even if every witness that has a URL cosigns, {best}; add the submission prefix of each to its line"
                ),
            ));
        }
        let names = witnesses.iter().map(|witness| witness.name.clone());
        Ok(WitnessedAnchorStore {
            counters: Arc::new(Counters::new(self.clock, names)),
            known: witnesses.iter().map(|_| Mutex::new(None)).collect(),
            witnesses,
            inner: self.inner,
            policy: self.policy,
            tree: self.tree,
            evidence: self.evidence,
            client: HttpClient::new(),
            deadline: self.deadline,
            on_quorum_missed: self.on_quorum_missed,
            on_event: self.on_event,
        })
    }
}

/// How a witness is asked; `None` when it has no URL.
fn endpoint(witness: &PolicyWitness) -> Option<Result<Endpoint, Error>> {
    let url = witness.url()?;
    let refuse = |why: String| {
        Error::invalid(
            MAKE,
            format!("the witness {} {why}", witness.name().escape_debug()),
        )
    };
    let prefix = url.strip_suffix('/').unwrap_or(url);
    if let Err(why) = HttpClient::check(prefix) {
        return Some(Err(refuse(format!("has the URL {url:?}, {why}"))));
    }
    let key = CosignatureVerifier::new(witness.key().clone())
        .map_err(|error| refuse(format!("has a key that is not sound: {error}")));
    Some(key.map(|key| Endpoint {
        name: witness.name().to_owned(),
        prefix: prefix.to_owned(),
        key,
    }))
}

impl<S: fmt::Debug> fmt::Debug for Builder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("inner", &self.inner)
            .field("tree", &self.tree)
            .field("evidence", &self.evidence)
            .field("deadline", &self.deadline)
            .field("on_quorum_missed", &self.on_quorum_missed)
            .finish_non_exhaustive()
    }
}
