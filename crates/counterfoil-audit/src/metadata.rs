//! Free metadata, allow-listed.

use crate::{Error, Text};

/// The keys that metadata may have, sorted (audit specification §4; `meta` in the schemas).
const ALLOWED: [&str; 12] = [
    "allocation_id",
    "error_code",
    "idempotency_key_hash",
    "new_value",
    "node_id",
    "old_value",
    "policy_key",
    "provider_ref",
    "reason",
    "request_scope",
    "status_from",
    "status_to",
];

/// Metadata of a lifecycle record. Only the keys of the specification are taken; any other is refused by name, so that
/// nothing sensitive slips in under a key nobody reviewed.
///
/// ```
/// use counterfoil_audit::Metadata;
/// let mut meta = Metadata::new();
/// meta.insert("reason", "rebalance")?;
/// assert!(meta.insert("password", "x").unwrap_err().to_string().contains("password"));
/// # Ok::<(), counterfoil_audit::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// One slot per allowed key, so that the members are in order and none is there twice.
    slots: [Option<Text>; ALLOWED.len()],
}

impl Metadata {
    /// The keys that are taken, sorted.
    pub const ALLOWED: &'static [&'static str] = &ALLOWED;

    /// No metadata.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a member.
    ///
    /// # Errors
    /// When `key` is not on the list; the message names it.
    pub fn insert(&mut self, key: &str, value: impl Into<Text>) -> Result<(), Error> {
        let Some(slot) = ALLOWED.iter().position(|allowed| *allowed == key) else {
            return Err(Error::invalid(
                "add metadata to a record",
                format!("{key:?} is not one of {}", ALLOWED.join(", ")),
            ));
        };
        self.slots[slot] = Some(value.into());
        Ok(())
    }

    /// The value of a member.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Text> {
        let slot = ALLOWED.iter().position(|allowed| *allowed == key)?;
        self.slots[slot].as_ref()
    }

    /// The members, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Text)> {
        ALLOWED
            .iter()
            .zip(&mut self.slots)
            .filter_map(|(key, slot)| Some((*key, slot.as_mut()?)))
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }

    /// The members in the order in which they are written.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Text)> {
        ALLOWED
            .iter()
            .zip(&self.slots)
            .filter_map(|(key, slot)| Some((*key, slot.as_ref()?)))
    }
}
