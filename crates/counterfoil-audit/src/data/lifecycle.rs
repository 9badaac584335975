//! Data of lifecycle records. The lease and the node that a record is about stand in its keys.

use counterfoil_core::{FabricError, OpType, ResourceType, TraceContext};

use super::closed::{Admission, PayloadDigest};
use super::codec::{Closed, Displayed, FreeText, Meta, NamedDigest, Opt, U64Text, data_struct};
use crate::{Metadata, Text};

data_struct! {
    /// A lease was granted.
    LeaseAllocated {
        /// Size granted, in bytes.
        bytes: u64 => U64Text,
        /// Free metadata.
        meta: Metadata => Meta,
        /// What is leased.
        resource: ResourceType => Closed,
        /// Time to live granted, in milliseconds.
        ttl_ms: Option<u64> => Opt<U64Text>,
    }
}

data_struct! {
    /// A lease was extended.
    LeaseRenewed {
        /// Size after the renewal, in bytes.
        bytes: Option<u64> => Opt<U64Text>,
        /// Free metadata.
        meta: Metadata => Meta,
        /// What is leased.
        resource: ResourceType => Closed,
        /// Time to live from then on, in milliseconds.
        ttl_ms: Option<u64> => Opt<U64Text>,
    }
}

data_struct! {
    /// The holder gave a lease back.
    LeaseReleased {
        /// Size released, in bytes.
        bytes: Option<u64> => Opt<U64Text>,
        /// Free metadata.
        meta: Metadata => Meta,
        /// What was leased.
        resource: ResourceType => Closed,
    }
}

data_struct! {
    /// A lease ended because it was not renewed in time.
    LeaseExpired {
        /// Size released, in bytes.
        bytes: Option<u64> => Opt<U64Text>,
        /// Free metadata.
        meta: Metadata => Meta,
        /// What was leased.
        resource: ResourceType => Closed,
    }
}

data_struct! {
    /// A lease was taken from its holder.
    LeasePreempted {
        /// The lease that took its place.
        by_lease: Option<u64> => Opt<U64Text>,
        /// Size taken, in bytes.
        bytes: Option<u64> => Opt<U64Text>,
        /// Free metadata.
        meta: Metadata => Meta,
        /// Why it was taken.
        reason: Text => FreeText,
        /// What was leased.
        resource: ResourceType => Closed,
    }
}

data_struct! {
    /// A revocation went from one state to another.
    RevokeStateTransition {
        /// Free metadata.
        meta: Metadata => Meta,
        /// Why.
        reason: Option<Text> => Opt<FreeText>,
        /// The state before.
        status_from: Text => FreeText,
        /// The state after.
        status_to: Text => FreeText,
    }
}

data_struct! {
    /// A bundle was admitted or rejected.
    BundleAdmissionDecided {
        /// Digest of the bundle.
        bundle: PayloadDigest => NamedDigest,
        /// What was decided.
        decision: Admission => Closed,
        /// Free metadata.
        meta: Metadata => Meta,
        /// The policy that decided.
        policy_key: Option<Text> => Opt<FreeText>,
        /// Why.
        reason: Option<Text> => Opt<FreeText>,
    }
}

data_struct! {
    /// An edge of the graph was pointed elsewhere.
    EdgeRewritten {
        /// Name of the edge.
        edge: Text => FreeText,
        /// Target before.
        from: Text => FreeText,
        /// Free metadata.
        meta: Metadata => Meta,
        /// Target after.
        to: Text => FreeText,
        /// The trace context that the edge carries.
        traceparent: Option<TraceContext> => Opt<Displayed>,
    }
}

data_struct! {
    /// A read, write or submission failed.
    OperationFailed {
        /// Bytes that it was about.
        bytes: Option<u64> => Opt<U64Text>,
        /// More about the failure.
        detail: Option<Text> => Opt<FreeText>,
        /// Time until it failed, in nanoseconds.
        elapsed_ns: Option<u64> => Opt<U64Text>,
        /// Why it failed.
        error: FabricError => Closed,
        /// Free metadata.
        meta: Metadata => Meta,
        /// What was tried.
        op: OpType => Closed,
        /// On what.
        resource: Option<ResourceType> => Opt<Closed>,
    }
}
