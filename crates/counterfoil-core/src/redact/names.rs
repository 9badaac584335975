//! What was said about a name is remembered, so that it is looked at once and not with every event.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use super::Redact;
use crate::{EventWords, NameId};

/// As many as the table of names has numbers.
const NAMES: usize = 65_537;
const UNSEEN: u8 = 0;
const CLEAN: u8 = 1;
const SECRET: u8 = 2;

/// A policy for events that travel as words. It remembers one verdict for each interned name, in 64 KiB, so that an event
/// without a secret costs a look-up for each of its names, and a look at its request id.
///
/// ```
/// use std::sync::Arc;
/// use counterfoil_core::{
///     Context, EventWords, FabricEvent, Name, NameCheck, Redactor, Ticks, WorkloadIdentity,
/// };
/// let check = NameCheck::new(Arc::new(Redactor::new()));
/// let context = Context::new(WorkloadIdentity::tenant_only("acme"));
/// let lost = |reason| FabricEvent::Disconnected { node: Name::new("node-a"), reason: Name::new(reason) };
/// let words = |reason| EventWords::encode(&lost(reason), &context, Ticks(0));
/// assert!(check.is_clean(&words("timeout")));
/// assert!(!check.is_clean(&words("refused password=hunter2")));
/// ```
pub struct NameCheck {
    policy: Arc<dyn Redact>,
    seen: OnceLock<Box<[AtomicU8]>>,
}

impl NameCheck {
    /// Remembers what `policy` says.
    #[must_use]
    pub const fn new(policy: Arc<dyn Redact>) -> Self {
        Self {
            policy,
            seen: OnceLock::new(),
        }
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &Arc<dyn Redact> {
        &self.policy
    }

    /// Whether the policy leaves each name that the words carry as it is, and the request id. Names that had no room in the table
    /// are not carried.
    #[must_use]
    pub fn is_clean(&self, words: &EventWords) -> bool {
        words.names().iter().all(|id| self.is_clean_name(*id))
            && words
                .request()
                .is_none_or(|id| id.redacted(&*self.policy).is_none())
    }

    fn is_clean_name(&self, id: NameId) -> bool {
        if matches!(id, NameId::NONE | NameId::OVERFLOW) {
            return true;
        }
        let seen = self.seen.get_or_init(|| {
            std::iter::repeat_with(|| AtomicU8::new(UNSEEN))
                .take(NAMES)
                .collect()
        });
        let slot = seen.get(id.get() as usize);
        match slot.map_or(UNSEEN, |slot| slot.load(Relaxed)) {
            UNSEEN => {
                let name = id.resolve();
                let clean = name.is_none_or(|name| self.policy.redact(name.as_str()).is_none());
                if let Some(slot) = slot {
                    slot.store(if clean { CLEAN } else { SECRET }, Relaxed);
                }
                clean
            }
            verdict => verdict == CLEAN,
        }
    }
}

impl fmt::Debug for NameCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameCheck")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
