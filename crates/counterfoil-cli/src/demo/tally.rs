//! The demo's own count of what it did, kept without any of the three layers.
//!
//! It is the fourth column of the closing table: three layers that agree with each other could still all be wrong.

use std::sync::atomic::{AtomicU64, Ordering};

/// What is counted, in the order of the closing table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    Allocated,
    Renewed,
    Released,
    Expired,
    Preempted,
    Failed,
    Disconnected,
    Reconnected,
}

impl Happening {
    pub(crate) const ALL: [Self; 8] = [
        Self::Allocated,
        Self::Renewed,
        Self::Released,
        Self::Expired,
        Self::Preempted,
        Self::Failed,
        Self::Disconnected,
        Self::Reconnected,
    ];

    /// The kind of the record that the audit layer seals for it.
    pub(crate) const fn audit_kind(self) -> &'static str {
        match self {
            Self::Allocated => "lease_allocated",
            Self::Renewed => "lease_renewed",
            Self::Released => "lease_released",
            Self::Expired => "lease_expired",
            Self::Preempted => "lease_preempted",
            Self::Failed => "operation_failed",
            Self::Disconnected => "fabric.disconnected",
            Self::Reconnected => "fabric.reconnected",
        }
    }

    /// The name of its event in the ring.
    pub(crate) const fn event_name(self) -> &'static str {
        match self {
            Self::Allocated => "lease_acquired",
            Self::Disconnected => "disconnected",
            Self::Reconnected => "reconnected",
            _ => self.audit_kind(),
        }
    }

    const fn index(self) -> usize {
        self as usize
    }
}

/// Counts per [`Happening`], and of operations that succeeded.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: [AtomicU64; Happening::ALL.len()],
    operations: AtomicU64,
    bytes: AtomicU64,
    acknowledged: AtomicU64,
}

impl Tally {
    pub(crate) fn note(&self, happening: Happening) {
        self.counts[happening.index()].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self, happening: Happening) -> u64 {
        self.counts[happening.index()].load(Ordering::Relaxed)
    }

    pub(crate) fn note_operation(&self, bytes: u64) {
        self.operations.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Operations that succeeded.
    pub(crate) fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    /// Bytes that they moved.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn note_acknowledged(&self) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }

    /// Records that were waited for until they were durable.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }
}
