//! Whether the given keys signed what they should have signed.

use counterfoil_core::Head;
use counterfoil_merkle::note::VerifierKey;

use super::Judge;
use crate::verify::findings::Place;
use crate::verify::heads::{GivenHead, ReadCheckpoint, Role};
use crate::verify::reason::Reason;

impl Judge<'_> {
    /// Whether the given keys signed what they should have signed; who signed the head.
    pub(super) fn judge_keys(&mut self) -> Vec<String> {
        let chain = match (&self.trusted, std::str::from_utf8(&self.id)) {
            (_, Ok(id)) if !id.is_empty() => id.to_owned(),
            (Some(head), _) => head.chain.to_string(),
            _ => return Vec::new(),
        };
        let head_at = self.trusted.as_ref().map(|head| head.seq);
        let mut signed_by: Vec<String> = Vec::new();
        // Why a checkpoint that a given log key signed does not count.
        let mut lacking = None;
        for (note, given) in self.notes() {
            let read = match note {
                Ok(read) => read,
                Err(why) => {
                    self.findings.add(
                        Reason::Unreadable,
                        head_at,
                        &Place::none(),
                        format!("the checkpoint that came with the head cannot be read: {why}"),
                    );
                    continue;
                }
            };
            let at = Some(read.checkpoint.size());
            if let Some(head) = &given
                && let Err((reason, detail)) = read.agrees(head)
            {
                self.findings
                    .add(reason, Some(head.seq), &Place::none(), detail);
            }
            if given.is_none() && read.checkpoint.origin() != chain {
                let detail = format!(
                    "the checkpoint stored with the log is of {}",
                    read.checkpoint.origin()
                );
                self.findings.add(Reason::Id, at, &Place::none(), detail);
            }
            match read.signed_by(&self.known.keys, &chain) {
                Ok(given) => {
                    let signers = self.signers_of_head(&read, &chain, given);
                    match self.policy.epochs.lacking(&read, self.known.checker()) {
                        Some(why) if !signers.is_empty() => lacking = Some(why),
                        _ => signed_by.extend(signers),
                    }
                }
                Err((reason, detail)) => {
                    self.findings.add(reason, at, &Place::none(), detail);
                    continue;
                }
            }
            if let Err((reason, detail)) = self.policy.epochs.judge(&read, self.known.checker()) {
                self.findings.add(reason, at, &Place::none(), detail);
            }
            let counting = self.policy.log_keys_at(&chain, read.checkpoint.size());
            if let Some(reader) = self.known.reader
                && let Some((reason, detail)) = read.fails_under(&counting, reader)
            {
                self.findings.add(reason, at, &Place::none(), detail);
            }
        }
        signed_by.sort();
        signed_by.dedup();
        self.require_keys(&chain);
        self.require_signed_head(&chain, head_at, &signed_by, lacking);
        signed_by
    }

    /// The keys that are trusted and count for a checkpoint of the head, and signed it.
    fn signers_of_head(
        &self,
        read: &ReadCheckpoint,
        chain: &str,
        given: Vec<VerifierKey>,
    ) -> Vec<String> {
        if self.is_of_head(read) {
            self.trusted_signers(read, chain, given)
        } else {
            Vec::new()
        }
    }

    /// The keys that are trusted and count for a checkpoint of its size, and signed it.
    pub(super) fn trusted_signers(
        &self,
        read: &ReadCheckpoint,
        chain: &str,
        given: Vec<VerifierKey>,
    ) -> Vec<String> {
        let size = read.checkpoint.size();
        let given = given
            .into_iter()
            .filter(|key| self.policy.counts_at(key, size));
        let followed = self
            .policy
            .log_keys
            .signers(read, chain, self.known.checker());
        given.chain(followed).map(|key| key.to_string()).collect()
    }

    /// Whether a checkpoint is one of the trusted head; an older one says nothing about the records after it.
    pub(super) fn is_of_head(&self, read: &ReadCheckpoint) -> bool {
        let said = &read.checkpoint;
        self.trusted.as_ref().is_some_and(|head| {
            said.origin() == head.chain.as_str()
                && said.size() == head.seq
                && head.root.is_none_or(|root| root == said.root())
        })
    }

    /// The checkpoint that came with the head, and the one stored with the log.
    pub(super) fn notes(&self) -> Vec<(Result<ReadCheckpoint, String>, Option<Head>)> {
        let mut notes = Vec::new();
        if let Some(GivenHead {
            head,
            checkpoint: Some(text),
        }) = &self.options.head
        {
            notes.push((ReadCheckpoint::parse(text), Some(head.clone())));
        }
        // One that cannot be parsed was reported when it was read.
        if let Some(Ok(read)) = self.stored.as_deref().map(ReadCheckpoint::parse) {
            notes.push((Ok(read), None));
        }
        notes
    }

    fn require_keys(&mut self, chain: &str) {
        let mut record_key_given = false;
        for key in self.known.keys.keys() {
            let role = Role::of(key, chain);
            let known = if self.options.hash_only {
                None
            } else {
                self.policy.was_in_force(key)
            };
            if role == Role::Other {
                self.findings.position(
                    Reason::Key,
                    self.policy.opened_at.unwrap_or(1),
                    format!("the given key {key} is no key of {chain}: its name has to be {chain}, {chain}/record or {chain}/epoch/<n>"),
                );
            } else if role != Role::Epoch && known == Some(false) {
                self.findings.position(
                    Reason::Key,
                    self.policy.opened_at.unwrap_or(1),
                    format!("the given key {key} was never in force: no log_opened or key_rotated names it"),
                );
            } else {
                record_key_given |= role == Role::Record;
            }
        }
        if record_key_given {
            self.require_record_keys();
        }
        let foreign: Vec<String> = self
            .policy
            .epochs
            .foreign(chain)
            .map(ToString::to_string)
            .collect();
        for key in foreign {
            self.findings.position(
                Reason::Key,
                self.policy.opened_at.unwrap_or(1),
                format!("the given key {key} is not the key of its epoch in this log"),
            );
        }
    }

    /// Whether a given log key, or one that rotations lead to from it, vouches for the head.
    fn require_signed_head(
        &mut self,
        chain: &str,
        head_at: Option<u64>,
        signed_by: &[String],
        lacking: Option<String>,
    ) {
        let mut given = self.known.keys.keys();
        if !given.any(|key| Role::of(key, chain) == Role::Log) {
            return;
        }
        if signed_by.is_empty() {
            let detail = lacking.unwrap_or_else(|| {
                "a log key was given, and no head comes with a checkpoint signed by it or by one that it was rotated to"
                    .to_owned()
            });
            self.findings
                .add(Reason::Key, head_at, &Place::none(), detail);
        }
    }

    /// Whether a given record key was in force at every record or, where the log does not say, signed every one.
    fn require_record_keys(&mut self) {
        let (position, detail) = if self.options.hash_only || self.policy.is_bare() {
            let position = self.policy.not_signed_by_given(self.records);
            (position, "a record key was given, and did not sign it")
        } else {
            let position = self.policy.without_given_key(self.position);
            (
                position,
                "a record key was given, and is not in force here: the mode is not record, or keys does not name it",
            )
        };
        if let Some(position) = position {
            self.findings
                .position(Reason::Key, position, detail.to_owned());
        }
    }
}
