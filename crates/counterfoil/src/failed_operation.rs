//! What there is to say about an operation that failed.

use std::time::Duration;

use counterfoil_core::{FabricError, LeaseId, Name, OpType};

/// An operation that failed: what and why, and as much of the rest as the caller knows.
///
/// ```
/// use counterfoil::{FabricError, FailedOperation, LeaseId, OpType};
/// let failed = FailedOperation::new(OpType::Read, FabricError::Timeout).lease(LeaseId(7)).bytes(4096);
/// assert_eq!(failed.bytes, 4096);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedOperation<'a> {
    /// What was tried.
    pub op: OpType,
    /// Why it failed.
    pub error: FabricError,
    /// Under which lease.
    pub lease: Option<LeaseId>,
    /// On which node.
    pub node: Option<&'a Name>,
    /// How long it took to fail.
    pub elapsed: Duration,
    /// How many bytes it was about.
    pub bytes: u64,
}

impl<'a> FailedOperation<'a> {
    /// What was tried, and why it failed.
    #[must_use]
    pub const fn new(op: OpType, error: FabricError) -> Self {
        Self {
            op,
            error,
            lease: None,
            node: None,
            elapsed: Duration::ZERO,
            bytes: 0,
        }
    }

    /// Under which lease.
    #[must_use]
    pub const fn lease(mut self, lease: LeaseId) -> Self {
        self.lease = Some(lease);
        self
    }

    /// On which node.
    #[must_use]
    pub const fn node(mut self, node: &'a Name) -> Self {
        self.node = Some(node);
        self
    }

    /// How long it took to fail.
    #[must_use]
    pub const fn elapsed(mut self, elapsed: Duration) -> Self {
        self.elapsed = elapsed;
        self
    }

    /// How many bytes it was about.
    #[must_use]
    pub const fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }
}
