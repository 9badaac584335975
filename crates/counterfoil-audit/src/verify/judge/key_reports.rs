//! The keys that a verification knows, and what each of them signed.

use std::collections::BTreeSet;

use counterfoil_merkle::note::VerifierKey;

use super::Judge;
use crate::verify::heads::Role;
use crate::verify::report::{KeyReport, KeyRole};

impl Judge<'_> {
    /// Every key that was given, and every one that the log ever named.
    pub(super) fn key_reports(&self, signed_by: &[String]) -> Vec<KeyReport> {
        let chain = String::from_utf8_lossy(&self.id);
        let given: BTreeSet<String> = self.known.keys.keys().map(ToString::to_string).collect();
        let named = self.policy.named_keys().map(str::to_owned);
        let all: BTreeSet<String> = given.iter().cloned().chain(named).collect();
        let report = |text: String| {
            let key: VerifierKey = text.parse().ok()?;
            let signatures = self.policy.signatures_of(key.id());
            Some(KeyReport {
                role: match Role::of(&key, &chain) {
                    Role::Log => KeyRole::Log,
                    Role::Record => KeyRole::Record,
                    Role::Epoch => KeyRole::Epoch,
                    Role::Other => KeyRole::Other,
                },
                given: given.contains(&text),
                in_force: self.policy.is_in_force_at_end(&text),
                signed_head: signed_by.contains(&text),
                signatures_verified: signatures.verified,
                signatures_not_checked: signatures.not_checked,
                key: text,
            })
        };
        all.into_iter().filter_map(report).collect()
    }
}
