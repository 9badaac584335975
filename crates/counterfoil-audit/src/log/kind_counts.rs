//! How many records of each kind were sealed: the counters that security tools build their alerts on.

use std::sync::atomic::{AtomicU64, Ordering};

use counterfoil_core::EventWords;

use crate::AuditEventKind;

/// Where extension kinds are counted together: their names are not bounded, and labels have to be.
const EXTENSION: usize = AuditEventKind::CLOSED.len();
const EXTENSION_LABEL: &str = "extension";

/// One count per closed kind and one for all extension kinds. Written by the sealer only.
#[derive(Debug)]
pub(crate) struct KindCounts([AtomicU64; EXTENSION + 1]);

/// Which count a record belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KindIndex(usize);

impl KindIndex {
    /// Of a record of this kind.
    pub(crate) fn of(kind: &AuditEventKind) -> Self {
        let index = AuditEventKind::CLOSED
            .iter()
            .position(|closed| closed == kind);
        Self(index.unwrap_or(EXTENSION))
    }

    /// Of the record that an event becomes; see the table in core's `event_words`.
    pub(crate) fn of_event(words: &EventWords) -> Self {
        const KINDS: [AuditEventKind; 6] = [
            AuditEventKind::LeaseAllocated,
            AuditEventKind::LeaseRenewed,
            AuditEventKind::LeaseReleased,
            AuditEventKind::LeaseExpired,
            AuditEventKind::LeasePreempted,
            AuditEventKind::OperationFailed,
        ];
        let code = usize::from(words.kind_code());
        code.checked_sub(1)
            .and_then(|index| KINDS.get(index))
            .map_or(Self(EXTENSION), Self::of)
    }
}

impl KindCounts {
    pub(crate) fn count(&self, kind: KindIndex) {
        let count = &self.0[kind.0];
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// The kinds that have occurred, with their counts, in the order of the specification.
    pub(crate) fn read(&self) -> Vec<(&'static str, u64)> {
        let names = AuditEventKind::CLOSED.iter().map(AuditEventKind::as_str);
        names
            .chain(std::iter::once(EXTENSION_LABEL))
            .zip(self.0.iter().map(|count| count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

impl Default for KindCounts {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}
