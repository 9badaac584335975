//! Ids that a test can foretell.

use std::sync::atomic::{AtomicU64, Ordering};

use counterfoil_core::{IdSource, SpanId, TraceId};

/// An [`IdSource`] that counts: the first id ends in `1`, the next in `2`, traces and spans in one row. Share it as
/// `Arc<CountingIds>`.
///
/// ```
/// use counterfoil_core::IdSource;
/// use counterfoil_testkit::CountingIds;
///
/// let ids = CountingIds::new();
/// assert_eq!(ids.trace_id().to_string(), "00000000000000000000000000000001");
/// assert_eq!(ids.span_id().to_string(), "0000000000000002");
/// ```
#[derive(Debug, Default)]
pub struct CountingIds(AtomicU64);

impl CountingIds {
    /// Starts with 1.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst).wrapping_add(1)
    }
}

impl IdSource for CountingIds {
    fn trace_id(&self) -> TraceId {
        loop {
            if let Some(id) = TraceId::from_bytes(u128::from(self.next()).to_be_bytes()) {
                return id;
            }
        }
    }

    fn span_id(&self) -> SpanId {
        loop {
            if let Some(id) = SpanId::from_bytes(self.next().to_be_bytes()) {
                return id;
            }
        }
    }
}
