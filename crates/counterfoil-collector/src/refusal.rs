//! What a producer or a reader is told when the collector does not do what it asks.

use std::fmt;
use std::time::Duration;

use counterfoil::Digest;
use counterfoil::tower::ErrorCode;

/// Why something is refused. The name of each is a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The line or the request is not of the form that it should have.
    Grammar,
    /// The record's number does not continue the chain.
    Sequence,
    /// The record does not name the hash of the record before it.
    Link,
    /// The line does not state the hash of its body.
    Hash,
    /// The record is of another chain.
    Chain,
    /// The record was sealed before the one before it.
    Time,
    /// The number is known with another hash: two histories. Both are kept as evidence.
    Fork,
    /// A source's number occurs twice.
    Replay,
    /// A signature or a key contradicts what the chain has sealed, or is not the registered one.
    Key,
    /// A checkpoint contradicts the records.
    Checkpoint,
    /// Another rule of the audit specification is broken.
    Policy,
    /// No valid credential came with the request.
    Unauthenticated,
    /// The credential may not do this, or the chain is another tenant's.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The resource does not take this method.
    MethodNotAllowed,
    /// The body came too slowly.
    TooSlow,
    /// The request contradicts what is registered.
    Conflict,
    /// The body or a line is larger than allowed.
    TooLarge,
    /// The content type or encoding is none that is taken.
    UnsupportedEncoding,
    /// The tenant is over its rate.
    RateLimited,
    /// The tenant has no room left.
    QuotaExceeded,
    /// The disk is full. What was acknowledged is kept.
    DiskFull,
    /// There is more work than can be taken.
    Overloaded,
    /// The collector is stopping.
    Stopping,
    /// The collector could not store; the operator has to look.
    Internal,
}

impl Reason {
    /// The stable code, which is also the label `reason` of metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Grammar => "grammar",
            Self::Sequence => "sequence",
            Self::Link => "link",
            Self::Hash => "hash",
            Self::Chain => "chain",
            Self::Time => "time",
            Self::Fork => "fork",
            Self::Replay => "replay",
            Self::Key => "key",
            Self::Checkpoint => "checkpoint",
            Self::Policy => "policy",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::TooSlow => "too_slow",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::RateLimited => "rate_limited",
            Self::QuotaExceeded => "quota_exceeded",
            Self::DiskFull => "disk_full",
            Self::Overloaded => "overloaded",
            Self::Stopping => "stopping",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Grammar => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::TooSlow => 408,
            Self::Sequence | Self::Link | Self::Fork | Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::UnsupportedEncoding => 415,
            Self::Hash
            | Self::Chain
            | Self::Time
            | Self::Replay
            | Self::Key
            | Self::Checkpoint
            | Self::Policy => 422,
            Self::RateLimited | Self::QuotaExceeded => 429,
            Self::Internal => 500,
            Self::Overloaded | Self::Stopping => 503,
            Self::DiskFull => 507,
        }
    }

    /// The entry by which spans and metrics of requests know it, and its status in gRPC's terms.
    pub(crate) const fn error_code(self) -> ErrorCode {
        let grpc = match self.status() {
            401 => 16,
            403 => 7,
            404 => 5,
            405 => 12,
            408 => 4,
            409 => 10,
            429 => 8,
            500 => 13,
            503 => 14,
            507 => 8,
            _ => 3,
        };
        ErrorCode::new(self.code(), self.status(), grpc, "")
    }

    /// Whether it says that a chain does not verify, which is counted and looked into, and not only answered.
    #[must_use]
    pub const fn is_verification_failure(self) -> bool {
        matches!(
            self,
            Self::Grammar
                | Self::Sequence
                | Self::Link
                | Self::Hash
                | Self::Chain
                | Self::Time
                | Self::Fork
                | Self::Replay
                | Self::Key
                | Self::Checkpoint
                | Self::Policy
        )
    }
}

/// A refusal: what, why, and how the asker can go on. Its text quotes what came from outside; escape it at the sink.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// A sentence for people, with the next step.
    pub detail: String,
    /// The number of the record that was refused.
    pub seq: Option<u64>,
    /// The head that the collector expects the next record to follow: number and hash; number 0 before the first.
    pub expected: Option<(u64, Digest)>,
    /// Every record up to this one is durable.
    pub acknowledged: Option<u64>,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal with nothing but its reason.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            seq: None,
            expected: None,
            acknowledged: None,
            retry_after: None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Refusal {}
