//! Why an operation on the fabric failed.

use std::fmt;
use std::str::FromStr;

use crate::Error;
use crate::resource::closed_set;

closed_set! {
    /// Why an operation failed: the closed set that error counters are labelled with.
    FabricError, "a fabric error" {
        /// The connection to the node was lost.
        Disconnected => "disconnected",
        /// No answer within the deadline.
        Timeout => "timeout",
        /// The lease had expired when the operation arrived.
        LeaseExpired => "lease_expired",
        /// No lease with this id is known.
        LeaseNotFound => "lease_not_found",
        /// The lease was taken back for another holder.
        Preempted => "preempted",
        /// The resource has no room left.
        CapacityExceeded => "capacity_exceeded",
        /// The caller may not do this.
        PermissionDenied => "permission_denied",
        /// The request itself was wrong.
        InvalidArgument => "invalid_argument",
        /// Data did not match its digest.
        Integrity => "integrity",
        /// The node is there and cannot serve now.
        Unavailable => "unavailable",
        /// Anything else: a fault of the service itself.
        Internal => "internal",
    }
}

impl std::error::Error for FabricError {}
