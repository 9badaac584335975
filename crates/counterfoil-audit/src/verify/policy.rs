//! What the log says about itself: signing mode, keys in force, policies that may not change silently (audit specification §4, §6).

use std::collections::{BTreeMap, HashSet};

use counterfoil_core::Digest;
use counterfoil_merkle::note::{Judgement, KeyId, VerifierKey};
use counterfoil_signer::{Keyring, record_message};

use super::batch::Signature;
use super::epochs::Epochs;
use super::heads::{KeyReader, Role};
use super::log_keys::LogKeys;
use super::reason::Reason;
use crate::{AuditEventData, KeyRole, KeyRotated, LogOpened, SigningMode};

/// A fault and what it is about.
pub(crate) type Fault = (Reason, String);

/// Keys whose signatures are counted apart, so that a bare chain of forged key ids fills no memory.
const MAX_COUNTED: usize = 256;

/// Signatures of records that name one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signatures {
    pub(crate) verified: u64,
    pub(crate) not_checked: u64,
}

/// The policy in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    in_force: InForce,
    /// Verifier keys in force, as `log_opened` and `key_rotated` name them.
    keys: Vec<String>,
    last_opened: Option<LogOpened>,
    /// Settings that `config_changed` named since then.
    announced: HashSet<String>,
    rotated: bool,
    /// Every key that was ever in force.
    ever: HashSet<String>,
    /// Whether records before the first one present are absent: what they said of the policy is not known.
    pub(crate) without_beginning: bool,
    /// Position of the first `log_opened`.
    pub(crate) opened_at: Option<u64>,
    signatures_verified: u64,
    signatures_not_checked: u64,
    /// The same, by the key that a signature names.
    by_key: BTreeMap<KeyId, Signatures>,
    pub(crate) log_keys: LogKeys,
    pub(crate) epochs: Epochs,
    /// The record keys that the verifier was given, and those that rotations lead to from them, as text and by their ids.
    given: Vec<(String, KeyId)>,
    /// The first position at which none of them was in force, where the log says which are.
    without_given: Option<u64>,
    /// Records that one of them signed: how many, and up to which position without a gap from the first.
    by_given: u64,
    by_given_up_to: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum InForce {
    /// Nothing was read yet, or the beginning is absent.
    #[default]
    Unknown,
    /// The first record is no `log_opened`: a bare chain, which claims no policy.
    Bare,
    Mode(SigningMode),
}

/// The settings of a `log_opened` that may not change unannounced; no other one is remembered.
const SETTINGS: [&str; 4] = ["mode", "keys", "epoch_ms", "retention"];

impl Policy {
    /// Nothing is known of the log yet.
    pub(crate) fn new(keys: &Keyring) -> Self {
        let given = keys
            .keys()
            .filter(|key| Role::by_name(key.name()) == Role::Record)
            .map(|key| (key.to_string(), key.id()));
        Self {
            given: given.collect(),
            log_keys: LogKeys::new(keys),
            epochs: Epochs::new(keys),
            ..Self::default()
        }
    }

    /// Judges a line, and learns what it says about those that follow.
    pub(crate) fn line(
        &mut self,
        position: u64,
        hash: Option<Digest>,
        signature: Option<&Signature>,
        data: Option<&AuditEventData>,
        reader: Option<KeyReader>,
    ) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Some(AuditEventData::LogOpened(opened)) = data {
            self.opened(opened, position, &mut faults);
            self.note_given(position);
        } else if position == 1 && !self.without_beginning {
            self.in_force = InForce::Bare;
        }
        let judgement = self.signature(position, hash, signature, reader, &mut faults);
        match data {
            Some(AuditEventData::KeyRotated(rotated)) => {
                self.rotated(rotated, position, judgement, signature);
            }
            Some(AuditEventData::ConfigChanged(changed))
                if SETTINGS.contains(&changed.key.as_str()) =>
            {
                self.announced.insert(changed.key.clone());
            }
            _ => {}
        }
        faults
    }

    fn rotated(
        &mut self,
        rotated: &KeyRotated,
        position: u64,
        judgement: Judgement,
        signature: Option<&Signature>,
    ) {
        self.keys.retain(|key| *key != rotated.old_key);
        self.keys.push(rotated.new_key.clone());
        self.ever.insert(rotated.new_key.clone());
        self.rotated = true;
        let by_old = signature.is_some_and(|signed| {
            let old = self.given.iter().find(|(key, _)| *key == rotated.old_key);
            old.is_some_and(|(_, id)| *id == signed.signature.key)
        });
        match rotated.role {
            KeyRole::Log => {
                self.log_keys
                    .rotated(position, &rotated.old_key, &rotated.new_key);
            }
            // The line itself is the old key's word for the new one.
            KeyRole::Record if by_old && judgement == Judgement::Valid => {
                if let Ok(key) = rotated.new_key.parse::<VerifierKey>() {
                    self.given.push((rotated.new_key.clone(), key.id()));
                }
            }
            KeyRole::Record => {}
        }
        self.note_given(position + 1);
    }

    /// Judges a signature where nothing is known about the policy.
    pub(crate) fn signature_alone(&mut self, position: u64, signature: &Signature) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.signature(position, None, Some(signature), None, &mut faults);
        faults
    }

    /// Whether nothing of a line needs to be judged: the rule, in logs without record signatures.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(
            self.in_force,
            InForce::Bare | InForce::Mode(SigningMode::None | SigningMode::Checkpoint)
        )
    }

    fn opened(&mut self, opened: &LogOpened, position: u64, faults: &mut Vec<Fault>) {
        if let Some(before) = &self.last_opened {
            let changed = [
                ("mode", before.mode != opened.mode),
                ("keys", before.keys != opened.keys && !self.rotated),
                ("epoch_ms", before.epoch_ms != opened.epoch_ms),
                ("retention", before.retention != opened.retention),
            ];
            for (name, changed) in changed {
                if changed && !self.announced.contains(name) {
                    faults.push((
                        Reason::Mode,
                        format!("{name} differs from the log_opened before, and no config_changed says so"),
                    ));
                }
            }
        }
        if self.in_force == InForce::Bare {
            faults.push((
                Reason::Mode,
                "a chain whose first record is no log_opened is bare and cannot be opened"
                    .to_owned(),
            ));
        }
        self.in_force = InForce::Mode(opened.mode);
        self.keys.clone_from(&opened.keys);
        self.log_keys.opened(position, &opened.keys);
        self.epochs.opened(position, opened.epoch_ms.is_some());
        self.ever.extend(opened.keys.iter().cloned());
        self.announced.clear();
        self.rotated = false;
        self.last_opened = Some(opened.clone());
        self.opened_at.get_or_insert(position);
    }

    fn signature(
        &mut self,
        position: u64,
        hash: Option<Digest>,
        signature: Option<&Signature>,
        reader: Option<KeyReader>,
        faults: &mut Vec<Fault>,
    ) -> Judgement {
        let Some(signed) = signature else {
            if self.in_force == InForce::Mode(SigningMode::Record) {
                faults.push((
                    Reason::Mode,
                    "it is not signed, and the mode in force is record".to_owned(),
                ));
            }
            return Judgement::Unknown;
        };
        let id = signed.signature.key;
        let mut judgement = signed.judgement;
        match self.in_force {
            InForce::Mode(mode @ (SigningMode::None | SigningMode::Checkpoint)) => {
                faults.push((
                    Reason::Mode,
                    format!("it is signed, and the mode in force is {mode}"),
                ));
                return Judgement::Unknown;
            }
            InForce::Mode(SigningMode::Record) => {
                let in_force = self.record_keys().find(|key| key.id() == id);
                let Some(key) = in_force else {
                    faults.push((
                        Reason::Mode,
                        format!("it is signed by {id}, which is no record key in force"),
                    ));
                    return Judgement::Unknown;
                };
                if judgement == Judgement::Unknown
                    && let Some(verifier) = reader.and_then(|reader| reader(&key))
                    && let Some(hash) = hash
                {
                    if !verifier.verify(&record_message(&hash), &signed.signature.value) {
                        judgement = Judgement::Invalid;
                    } else if self
                        .given
                        .iter()
                        .any(|(given, _)| *given == key.to_string())
                    {
                        judgement = Judgement::Valid;
                    }
                }
            }
            InForce::Unknown | InForce::Bare => {}
        }
        match judgement {
            Judgement::Valid => {
                self.signatures_verified += 1;
                self.count(id).verified += 1;
                if self.given.iter().any(|(_, given)| *given == id) {
                    self.by_given += 1;
                    self.by_given_up_to += u64::from(self.by_given_up_to + 1 == position);
                }
            }
            Judgement::Invalid => faults.push((
                Reason::Signature,
                format!("its signature is not by the key {id} that it names"),
            )),
            Judgement::Unknown => {
                self.signatures_not_checked += 1;
                self.count(id).not_checked += 1;
            }
        }
        judgement
    }

    /// Notes from which position on no given record key is in force. One that `keys` names is so only in the mode `record`.
    fn note_given(&mut self, position: u64) {
        let in_force = self.in_force == InForce::Mode(SigningMode::Record)
            && self.given.iter().any(|(key, _)| self.keys.contains(key));
        if !in_force {
            self.without_given.get_or_insert(position);
        }
    }

    /// The first position before `end` at which no given record key was in force.
    pub(crate) fn without_given_key(&self, end: u64) -> Option<u64> {
        self.without_given.filter(|position| *position < end)
    }

    /// The first of so many records that no given record key signed.
    pub(crate) const fn not_signed_by_given(&self, records: u64) -> Option<u64> {
        if self.by_given < records {
            Some(self.by_given_up_to + 1)
        } else {
            None
        }
    }

    fn record_keys(&self) -> impl Iterator<Item = VerifierKey> {
        self.keys
            .iter()
            .filter_map(|key| key.parse::<VerifierKey>().ok())
            .filter(|key| Role::by_name(key.name()) == Role::Record)
    }

    /// The figures of a key; of all others together when there are too many.
    fn count(&mut self, id: KeyId) -> &mut Signatures {
        let full = self.by_key.len() >= MAX_COUNTED && !self.by_key.contains_key(&id);
        let id = if full { KeyId(0) } else { id };
        self.by_key.entry(id).or_default()
    }

    /// The signatures of records that name a key.
    pub(crate) fn signatures_of(&self, id: KeyId) -> Signatures {
        self.by_key.get(&id).copied().unwrap_or_default()
    }

    /// Every key that the log ever named.
    pub(crate) fn named_keys(&self) -> impl Iterator<Item = &str> {
        self.ever.iter().map(String::as_str)
    }

    /// Whether a key is in force at the end; `None` where the log does not say which are.
    pub(crate) fn is_in_force_at_end(&self, key: &str) -> Option<bool> {
        match self.in_force {
            InForce::Mode(_) => Some(self.keys.iter().any(|named| named == key)),
            InForce::Unknown | InForce::Bare => None,
        }
    }

    /// Log keys that count for heads of so many records.
    pub(crate) fn log_keys_at(&self, chain: &str, size: u64) -> Vec<VerifierKey> {
        let keys = self.log_keys.at(size).filter_map(|key| key.parse().ok());
        keys.filter(|key: &VerifierKey| key.name() == chain)
            .collect()
    }

    /// Whether a key was ever in force; `None` where the log does not say which are.
    pub(crate) fn was_in_force(&self, key: &VerifierKey) -> Option<bool> {
        match self.in_force {
            InForce::Mode(_) => Some(self.ever.contains(&key.to_string())),
            InForce::Unknown | InForce::Bare => None,
        }
    }

    /// Whether a log key counts for heads of so many records; where the log does not say, any does.
    pub(crate) fn counts_at(&self, key: &VerifierKey, size: u64) -> bool {
        match self.in_force {
            InForce::Mode(_) => self.log_keys.counts(key, size),
            InForce::Unknown | InForce::Bare => true,
        }
    }

    /// Signatures in records that hold.
    pub(crate) const fn signatures_verified(&self) -> u64 {
        self.signatures_verified + self.epochs.signatures_verified
    }

    /// Whether no record is signed, and none has to be.
    pub(crate) fn has_no_record_signatures(&self) -> bool {
        self.in_force != InForce::Mode(SigningMode::Record)
            && self.by_key.is_empty()
            && self.given.is_empty()
    }

    /// Signatures in records that nobody here could check.
    pub(crate) const fn signatures_not_checked(&self) -> u64 {
        self.signatures_not_checked + self.epochs.signatures_not_checked
    }

    pub(crate) const fn is_bare(&self) -> bool {
        matches!(self.in_force, InForce::Bare)
    }
}
