//! How many records of each kind were sealed: the counters that security tools build their alerts on.

use std::ops::AddAssign;
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
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KindIndex(u8);

impl KindIndex {
    /// Of a record of a kind with a namespace.
    pub(crate) const EXTENSION: Self = Self(EXTENSION as u8);

    /// Of a record of this kind.
    pub(crate) fn of(kind: &AuditEventKind) -> Self {
        let index = AuditEventKind::CLOSED
            .iter()
            .position(|closed| closed == kind);
        Self(index.unwrap_or(EXTENSION) as u8)
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
            .map_or(Self::EXTENSION, Self::of)
    }

    /// Its place among the closed kinds; the one behind them for all others.
    pub(crate) const fn get(self) -> usize {
        self.0 as usize
    }
}

impl KindCounts {
    pub(crate) fn count(&self, kind: KindIndex) {
        let count = &self.0[kind.get()];
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// The kinds that have occurred, with their counts, in the order of the specification.
    pub(crate) fn read(&self) -> Vec<(&'static str, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        named(counts).collect()
    }
}

/// The counts that are not zero, in the order of indexes, each with the name of its kind.
fn named(counts: impl Iterator<Item = u64>) -> impl Iterator<Item = (&'static str, u64)> {
    let names = AuditEventKind::CLOSED.iter().map(AuditEventKind::as_str);
    names
        .chain(std::iter::once(EXTENSION_LABEL))
        .zip(counts)
        .filter(|(_, count)| *count > 0)
}

/// How many records of each kind came in one go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds([u32; EXTENSION + 1]);

impl Kinds {
    /// The kinds that occurred, with their counts, in the order of the specification; all kinds with a namespace are counted
    /// together, as `extension`, because their names are not bounded.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        named(self.0.iter().map(|count| u64::from(*count)))
    }

    pub(crate) const fn count(&mut self, kind: KindIndex) {
        self.0[kind.get()] += 1;
    }
}

impl AddAssign for Kinds {
    fn add_assign(&mut self, more: Self) {
        for (count, more) in self.0.iter_mut().zip(more.0) {
            *count += more;
        }
    }
}

impl Default for KindCounts {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}
