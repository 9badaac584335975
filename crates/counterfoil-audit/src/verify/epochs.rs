//! The epochs: that each was begun by the one before, and that heads bear the line of theirs (audit specification §6).
//!
//! An epoch takes no memory once it is over, but for those that a head or a given key is about.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_core::Digest;
use counterfoil_merkle::note::VerifierKey;
use counterfoil_signer::{Keyring, epoch_key_name, epoch_message};

use super::heads::{ReadCheckpoint, epoch_of};
use super::log_keys::{Checker, LogKeys};
use super::policy::Fault;
use super::reason::Reason;
use crate::EpochStarted;

/// Epochs whose keys and sizes are remembered for checkpoints that come late.
const MAX_REMEMBERED: usize = 64;

/// The epochs of a log, as far as it was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Epochs {
    state: State,
    /// Records are absent or malformed since the last `epoch_started`.
    hole: bool,
    heads: Vec<WatchedHead>,
    keys: Vec<WatchedKey>,
    /// What was in force when, where checkpoints come while the log grows.
    history: Option<History>,
    pub(crate) signatures_verified: u64,
    pub(crate) signatures_not_checked: u64,
}

/// The last changes of what is in force, each with the size that it counts above.
#[derive(Clone, Debug, Default)]
struct History {
    changes: VecDeque<(u64, State)>,
    /// Whether older changes were forgotten.
    cut: bool,
}

impl History {
    fn at(&self, size: u64) -> Option<&State> {
        let mut changes = self.changes.iter().rev();
        match changes.find(|(above, _)| *above < size) {
            Some((_, state)) => Some(state),
            None if self.cut => None,
            None => Some(&State::None),
        }
    }

    fn push(&mut self, above: u64, state: State) {
        self.changes.push_back((above, state));
        if self.changes.len() > MAX_REMEMBERED {
            self.changes.pop_front();
            self.cut = true;
        }
    }
}

/// What of epochs is in force.
#[derive(Clone, Debug, Default)]
enum State {
    /// There are no epochs.
    #[default]
    None,
    /// `epoch_ms` is set, and no epoch runs.
    Asked,
    Running(Running),
    /// Nobody knows, because records are absent.
    Unknown,
}

#[derive(Clone, Debug)]
struct Running {
    number: u64,
    /// `None` for a text that is no key.
    key: Option<VerifierKey>,
}

/// A size that there is a checkpoint of.
#[derive(Clone, Debug)]
struct WatchedHead {
    size: u64,
    state: Option<State>,
}

/// An epoch key that was given, or that claims to have signed a checkpoint.
#[derive(Clone, Debug)]
struct WatchedKey {
    name: String,
    id: counterfoil_merkle::note::KeyId,
    /// The key that was given.
    given: Option<VerifierKey>,
    /// The epoch that the log began with a key of this name and id: that key, and for which sizes it counts.
    found: Option<(VerifierKey, u64, u64)>,
}

/// What is known where an epoch begins.
pub(crate) struct Beginning<'a> {
    pub(crate) chain: &'a str,
    pub(crate) seq: u64,
    /// The root over the records before, where there is one.
    pub(crate) root: Option<Digest>,
    pub(crate) log_keys: &'a LogKeys,
    pub(crate) checker: Checker<'a>,
}

impl Epochs {
    pub(crate) fn new(keys: &Keyring) -> Self {
        let given = keys.keys().filter(|key| epoch_of(key.name()).is_some());
        Self {
            keys: given
                .map(|key| WatchedKey {
                    name: key.name().to_owned(),
                    id: key.id(),
                    given: Some(key.clone()),
                    found: None,
                })
                .collect(),
            ..Self::default()
        }
    }

    /// Remembers the last epochs, because checkpoints come later than what they are judged by.
    pub(crate) fn remember(&mut self) {
        self.history = Some(History::default());
    }

    /// Whether a checkpoint of this size can be judged, where epochs are remembered.
    pub(crate) fn remembers(&self, size: u64) -> bool {
        let history = self.history.as_ref();
        history.is_none_or(|history| history.at(size).is_some())
    }

    /// Remembers the epoch of a checkpoint, when it comes.
    pub(crate) fn watch(&mut self, read: &ReadCheckpoint) {
        self.heads.push(WatchedHead {
            size: read.checkpoint.size(),
            state: None,
        });
        for line in read.note.signatures() {
            let known = |key: &WatchedKey| key.name == line.name() && key.id == line.id();
            if epoch_of(line.name()).is_some() && !self.keys.iter().any(known) {
                self.keys.push(WatchedKey {
                    name: line.name().to_owned(),
                    id: line.id(),
                    given: None,
                    found: None,
                });
            }
        }
    }

    /// A `log_opened` at `seq`.
    pub(crate) fn opened(&mut self, seq: u64, with_epochs: bool) {
        if with_epochs && matches!(self.state, State::None) {
            self.change(seq.saturating_sub(1), State::Asked);
        }
    }

    /// Records up to `seq` are absent, or this one is malformed.
    pub(crate) fn hole(&mut self, seq: u64) {
        self.hole = true;
        self.change(seq.saturating_sub(1), State::Unknown);
    }

    /// From heads of more than `size` records on the state is another one.
    fn change(&mut self, size: u64, state: State) {
        for head in &mut self.heads {
            if head.size <= size && head.state.is_none() {
                head.state = Some(self.state.clone());
            }
        }
        // Where records are absent nobody knows whether the epoch ended.
        let ends = !matches!(state, State::Unknown);
        for key in self.keys.iter_mut().filter(|_| ends) {
            if let Some((_, _, up_to @ u64::MAX)) = &mut key.found {
                *up_to = size;
            }
        }
        if let Some(history) = &mut self.history {
            history.push(size, state.clone());
        }
        self.state = state;
    }

    /// An `epoch_started`.
    pub(crate) fn started(&mut self, started: &EpochStarted, at: &Beginning<'_>) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |reason, detail: String| faults.push((reason, detail));
        let size = at.seq.saturating_sub(1);
        let number = started.epoch;
        let unknown = self.hole;
        let expected = match &self.state {
            State::Running(running) => running.number + 1,
            _ => 1,
        };
        if number != expected && !unknown {
            fault(
                Reason::Mode,
                format!("it begins epoch {number}, and epoch {expected} is the next"),
            );
        }
        if started.size != size {
            fault(
                Reason::Mode,
                format!(
                    "it says that it begins at size {}, and the size before it is {size}",
                    started.size
                ),
            );
        }
        let name = epoch_key_name(at.chain, number);
        let key = started
            .key
            .parse::<VerifierKey>()
            .ok()
            .filter(|key| key.name() == name);
        if key.is_none() {
            fault(
                Reason::Mode,
                format!("its key {} is no verifier key named {name}", started.key),
            );
        }
        if let Some(root) = at.root.filter(|root| *root != started.root) {
            fault(
                Reason::Root,
                format!(
                    "the root over the records before it is {root}, and it says {}",
                    started.root
                ),
            );
        }
        if !unknown {
            match self.signed(started, at) {
                Some(true) => self.signatures_verified += 1,
                Some(false) => fault(
                    Reason::Signature,
                    format!("its signature is not by the key before epoch {number}"),
                ),
                None => self.signatures_not_checked += 1,
            }
        }
        self.hole = false;
        self.change(
            size,
            State::Running(Running {
                number,
                key: key.clone(),
            }),
        );
        if let Some(key) = &key {
            self.remember_key(key);
        }
        for watched in &mut self.keys {
            if let Some(key) = key
                .as_ref()
                .filter(|key| watched.name == key.name() && watched.id == key.id())
            {
                watched.found = Some((key.clone(), size, u64::MAX));
            }
        }
        faults
    }

    /// Watches the key of an epoch that begins, and forgets the oldest of too many.
    fn remember_key(&mut self, key: &VerifierKey) {
        let known = |watched: &WatchedKey| watched.name == key.name() && watched.id == key.id();
        if self.history.is_none() || self.keys.iter().any(known) {
            return;
        }
        if self.keys.len() >= MAX_REMEMBERED
            && let Some(oldest) = self.keys.iter().position(|watched| watched.given.is_none())
        {
            self.keys.remove(oldest);
        }
        self.keys.push(WatchedKey {
            name: key.name().to_owned(),
            id: key.id(),
            given: None,
            found: None,
        });
    }

    /// Whether the key before signed; `None` where nobody here can tell.
    fn signed(&self, started: &EpochStarted, at: &Beginning<'_>) -> Option<bool> {
        let message = epoch_message(
            at.chain,
            started.epoch,
            started.size,
            &started.root,
            &started.key,
        );
        // The reader has checked its form.
        let signature = STANDARD.decode(&started.signature).ok()?;
        let check = |key: &VerifierKey| at.checker.check(key, message.as_bytes(), &signature);
        if let State::Running(running) = &self.state {
            return running.key.as_ref().map_or(Some(false), check);
        }
        let mut outcome = Some(false);
        for text in at.log_keys.at(at.seq.saturating_sub(1)) {
            match text
                .parse::<VerifierKey>()
                .ok()
                .filter(|key| key.name() == at.chain)
                .map(|key| check(&key))
            {
                Some(Some(true)) => return Some(true),
                Some(None) => outcome = None,
                Some(Some(false)) | None => {}
            }
        }
        outcome
    }

    /// The log ends with record `last`: what runs now runs for the heads up to it, and of those beyond nobody knows.
    pub(crate) fn finish(&mut self, last: u64) {
        for head in &mut self.heads {
            if head.size > last {
                head.state.get_or_insert(State::Unknown);
            }
            head.state.get_or_insert_with(|| self.state.clone());
        }
    }

    /// What is wrong with the lines of epoch keys in a checkpoint, and which line it lacks.
    pub(crate) fn judge(&self, read: &ReadCheckpoint, checker: Checker<'_>) -> Result<(), Fault> {
        let size = read.checkpoint.size();
        let known = self.keys.iter().filter_map(|key| key.found.as_ref());
        for (key, above, up_to) in known {
            if read.lines_of(key).next().is_none() {
                continue;
            }
            if size <= *above || size > *up_to {
                let last = if *up_to == u64::MAX {
                    "the end".to_owned()
                } else {
                    up_to.to_string()
                };
                return Err((
                    Reason::Signature,
                    format!(
                        "the checkpoint over {size} records is signed by {}+{}, which counts for sizes {} to {last}: another epoch's \
                         key cannot seal them",
                        key.name(),
                        key.id(),
                        above + 1
                    ),
                ));
            }
            if read.is_by(key, checker) == Some(false) {
                return Err((
                    Reason::Signature,
                    format!(
                        "the checkpoint's signature by {}+{}, the key of its epoch, is not by that key",
                        key.name(),
                        key.id()
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Why a checkpoint by the log key does not count for lack of its epoch's line; `None` where it does.
    pub(crate) fn lacking(&self, read: &ReadCheckpoint, checker: Checker<'_>) -> Option<String> {
        let size = read.checkpoint.size();
        let watched = self.heads.iter().find(|head| head.size == size);
        let state = match watched {
            Some(head) => head.state.as_ref(),
            None => self.history.as_ref().and_then(|history| history.at(size)),
        };
        match state? {
            State::None | State::Unknown => None,
            State::Asked => Some(format!(
                "epochs are set and none runs at record {size}, so that nothing seals the checkpoint but the log key"
            )),
            State::Running(running) => {
                let signed = running
                    .key
                    .as_ref()
                    .and_then(|key| read.is_by(key, checker));
                (signed != Some(true)).then(|| {
                    format!(
                        "the checkpoint over {size} records is signed by the log key and not by the key of epoch {}, which it is in",
                        running.number
                    )
                })
            }
        }
    }

    /// The given epoch keys of this chain that are not the keys of their epochs in this log.
    pub(crate) fn foreign(&self, chain: &str) -> impl Iterator<Item = &VerifierKey> {
        self.keys.iter().filter_map(move |watched| {
            let given = watched.given.as_ref()?;
            let found = watched.found.as_ref().map(|(key, _, _)| key);
            (epoch_of(given.name()) == Some(chain) && found != Some(given)).then_some(given)
        })
    }

    /// The number of the running epoch; `None` where there is none.
    pub(crate) const fn number(&self) -> Option<u64> {
        match &self.state {
            State::Running(running) => Some(running.number),
            _ => None,
        }
    }
}
