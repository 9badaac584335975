//! The log keys: which counts for which sizes, and which is trusted because a trusted one handed over to it (audit
//! specification §6, rotation).

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::Arc;

use counterfoil_core::Digest;
use counterfoil_merkle::note::VerifierKey;
use counterfoil_signer::Keyring;

use super::heads::{KeyReader, ReadCheckpoint, Role};
use super::policy::Fault;
use super::reason::Reason;

/// Name of the setting under which a handover stands.
pub(crate) const HANDOVER: &str = "keys.handover";

/// The keys that are trusted: lent for one verification, or shared by whoever judges for longer.
#[derive(Clone, Debug)]
pub(crate) enum Keys<'a> {
    Lent(&'a Keyring),
    Shared(Arc<Keyring>),
}

impl Deref for Keys<'_> {
    type Target = Keyring;

    fn deref(&self) -> &Keyring {
        match self {
            Self::Lent(keys) => keys,
            Self::Shared(keys) => keys,
        }
    }
}

/// The keys of a verification, and what reads those that a log names.
#[derive(Clone, Debug)]
pub(crate) struct KeySource<'a> {
    pub(crate) keys: Keys<'a>,
    pub(crate) reader: Option<KeyReader>,
}

impl KeySource<'_> {
    /// What checks signatures of keys that the log names.
    pub(crate) fn checker(&self) -> Checker<'_> {
        Checker {
            keys: &self.keys,
            reader: self.reader,
        }
    }
}

/// Checks signatures: with the keys that were given, and those that the log names as far as a reader understands them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checker<'a> {
    pub(crate) keys: &'a Keyring,
    pub(crate) reader: Option<KeyReader>,
}

impl Checker<'_> {
    /// Whether `signature` over `message` is by `key`; `None` where nobody here can tell.
    pub(crate) fn check(
        &self,
        key: &VerifierKey,
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        if let Some(given) = self.keys.verifier(key) {
            return Some(given.verify(message, signature));
        }
        let reader = self.reader?;
        // What is no key of its type has signed nothing.
        Some(reader(key).is_some_and(|verifier| verifier.verify(message, signature)))
    }
}

/// The log keys of a chain over its sizes.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogKeys {
    spans: Vec<Span>,
    trusted: HashSet<String>,
    /// Trusted keys that have handed over: what the log says later does not bring them back, unless they are rotated to.
    replaced: HashSet<String>,
    rotation: Option<Rotation>,
    /// Rotations that were followed.
    pub(crate) followed: u64,
}

/// A key counts for sizes above one and up to another.
#[derive(Clone, Debug)]
struct Span {
    key: String,
    above: u64,
    up_to: u64,
}

/// A `key_rotated` of the log key whose handover is still to come.
#[derive(Clone, Debug)]
struct Rotation {
    old: String,
    new: String,
    seq: u64,
    root: Option<Digest>,
    /// Whether the old key was in force, so that it has a say in who follows it.
    in_force: bool,
}

impl LogKeys {
    /// Trusts the log keys among those that were given.
    pub(crate) fn new(keys: &Keyring) -> Self {
        let given = keys
            .keys()
            .filter(|key| Role::by_name(key.name()) == Role::Log);
        Self {
            trusted: given.map(ToString::to_string).collect(),
            ..Self::default()
        }
    }

    /// A `log_opened` at `seq` says which keys are in force, itself included.
    pub(crate) fn opened(&mut self, seq: u64, keys: &[String]) {
        let before = seq.saturating_sub(1);
        for span in self.spans.iter_mut().filter(|span| span.up_to == u64::MAX) {
            if !keys.contains(&span.key) {
                span.up_to = before;
            }
        }
        for key in keys {
            if !self.replaced.contains(key) {
                self.begin(key, before);
            }
        }
    }

    /// A `key_rotated` at `seq`: the old key counts up to it, the new one from the next record on.
    pub(crate) fn rotated(&mut self, seq: u64, old: &str, new: &str) {
        let runs = |span: &Span| span.key == old && span.up_to == u64::MAX;
        // Where the beginning was pruned, nothing may have said yet which keys are in force.
        let in_force = self.spans.is_empty() || self.spans.iter().any(runs);
        for span in self.spans.iter_mut().filter(|span| span.key == old) {
            span.up_to = span.up_to.min(seq);
        }
        self.replaced.remove(new);
        self.begin(new, seq);
        self.rotation = Some(Rotation {
            old: old.to_owned(),
            new: new.to_owned(),
            seq,
            root: None,
            in_force,
        });
    }

    fn begin(&mut self, key: &str, above: u64) {
        let is_log_key = |key: &str| {
            key.split('+')
                .next()
                .is_some_and(|name| Role::by_name(name) == Role::Log)
        };
        let runs = |span: &Span| span.key == key && span.up_to == u64::MAX;
        if is_log_key(key) && !self.spans.iter().any(runs) {
            self.spans.push(Span {
                key: key.to_owned(),
                above,
                up_to: u64::MAX,
            });
        }
    }

    /// Whether the root over records 1 to `seq` is needed to judge a handover.
    pub(crate) fn wants_root(&self, seq: u64) -> bool {
        self.rotation.as_ref().is_some_and(|it| it.seq == seq)
    }

    pub(crate) fn root(&mut self, root: Option<Digest>) {
        if let Some(rotation) = &mut self.rotation {
            rotation.root = root;
        }
    }

    /// Takes up what stands as a handover.
    pub(crate) fn handover(
        &mut self,
        text: &str,
        chain: &str,
        checker: Checker<'_>,
    ) -> Option<Fault> {
        let note = ReadCheckpoint::parse(text).ok()?;
        let rotation = self.rotation.as_ref()?;
        let said = &note.checkpoint;
        if said.origin() != chain || said.size() != rotation.seq {
            return None;
        }
        let old: VerifierKey = rotation.old.parse().ok()?;
        match note.is_by(&old, checker) {
            None => return None,
            Some(false) => {
                return Some((
                    Reason::Signature,
                    format!(
                        "the handover's signature by {}+{}, a key in force, is not by that key",
                        old.name(),
                        old.id()
                    ),
                ));
            }
            Some(true) => {}
        }
        let root = rotation.root?;
        if said.root() != root {
            return Some((
                Reason::Root,
                format!(
                    "the root over records 1 to {} is {root}, and the handover says {}",
                    rotation.seq,
                    said.root()
                ),
            ));
        }
        let rotation = self.rotation.take()?;
        if rotation.in_force && old.name() == chain && self.trusted.contains(&rotation.old) {
            self.trusted.insert(rotation.new);
            self.replaced.insert(rotation.old);
            self.followed += 1;
        }
        None
    }

    /// The keys that count for heads of so many records.
    pub(crate) fn at(&self, size: u64) -> impl Iterator<Item = &str> {
        self.spans
            .iter()
            .filter(move |span| span.above < size && size <= span.up_to)
            .map(|span| span.key.as_str())
    }

    /// Whether a key counts for heads of so many records.
    pub(crate) fn counts(&self, key: &VerifierKey, size: u64) -> bool {
        let key = key.to_string();
        self.at(size).any(|other| other == key)
    }

    /// Whether a key was given, or rotations lead to it from one that was.
    pub(crate) fn is_trusted(&self, key: &str) -> bool {
        self.trusted.contains(key)
    }

    /// The trusted keys that signed a checkpoint and count for its size; lines of other keys say nothing.
    pub(crate) fn signers(
        &self,
        read: &ReadCheckpoint,
        chain: &str,
        checker: Checker<'_>,
    ) -> Vec<VerifierKey> {
        self.at(read.checkpoint.size())
            .filter(|key| self.is_trusted(key))
            .filter_map(|key| key.parse::<VerifierKey>().ok())
            .filter(|key| key.name() == chain)
            .filter(|key| read.is_by(key, checker) == Some(true))
            .collect()
    }
}
