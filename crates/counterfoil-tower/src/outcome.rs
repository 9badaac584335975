//! What came of a request.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::http_method::HttpMethod;

/// Why a request counts as failed; its text is the label `error.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Failure {
    /// It does not.
    None,
    /// The status says so.
    Status,
    /// The handler said so, in the words of its catalogue.
    Code(&'static str),
    /// Nobody waited for the end.
    Cancelled,
    /// The handler panicked.
    Panic,
    /// The body of the answer broke off.
    Body,
    /// The service gave an error instead of an answer.
    Other,
}

/// What a duration is counted under, beside the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Outcome {
    pub(crate) method: HttpMethod,
    /// HTTP's status or gRPC's; `None` where the request did not get that far.
    pub(crate) status: Option<u16>,
    pub(crate) failure: Failure,
}

impl Outcome {
    pub(crate) fn hash(&self) -> u64 {
        // Not keyed: statuses and codes come from the service itself.
        let mut hasher = DefaultHasher::new();
        Hash::hash(self, &mut hasher);
        hasher.finish()
    }

    /// The label `error.type`, where `status` is the text of the status; empty when nothing failed.
    pub(crate) fn error_type<'a>(&self, status: &'a str) -> &'a str {
        match self.failure {
            Failure::None => "",
            Failure::Status if status.is_empty() => "_OTHER",
            Failure::Status => status,
            Failure::Code(code) => code,
            Failure::Cancelled => "cancelled",
            Failure::Panic => "panic",
            Failure::Body => "response_body",
            Failure::Other => "_OTHER",
        }
    }
}

/// gRPC's status codes by number.
pub(crate) const GRPC_STATUSES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

pub(crate) mod grpc {
    //! The statuses that mean something to us.
    pub(crate) const OK: u16 = 0;
    pub(crate) const UNKNOWN: u16 = 2;
    pub(crate) const DEADLINE_EXCEEDED: u16 = 4;
    pub(crate) const PERMISSION_DENIED: u16 = 7;
    pub(crate) const UNIMPLEMENTED: u16 = 12;
    pub(crate) const INTERNAL: u16 = 13;
    pub(crate) const UNAVAILABLE: u16 = 14;
    pub(crate) const DATA_LOSS: u16 = 15;
    pub(crate) const UNAUTHENTICATED: u16 = 16;

    /// The status in a header `grpc-status`; what is none counts as `UNKNOWN`, as the protocol asks.
    pub(crate) fn parse(header: &[u8]) -> u16 {
        let known = |status: &u16| usize::from(*status) < super::GRPC_STATUSES.len();
        std::str::from_utf8(header)
            .ok()
            .and_then(|text| text.parse().ok())
            .filter(known)
            .unwrap_or(UNKNOWN)
    }

    /// What an answer without a gRPC status means, by its HTTP status.
    /// Whether only a method that there is answers so. What stands before the methods (limits, load shedding, authentication, the
    /// router) has the other codes, and gives them to names that a client has made up.
    pub(crate) const fn comes_from_a_method(status: u16) -> bool {
        const INVALID_ARGUMENT: u16 = 3;
        const NOT_FOUND: u16 = 5;
        const ALREADY_EXISTS: u16 = 6;
        const FAILED_PRECONDITION: u16 = 9;
        const ABORTED: u16 = 10;
        const OUT_OF_RANGE: u16 = 11;
        matches!(
            status,
            OK | INVALID_ARGUMENT
                | NOT_FOUND
                | ALREADY_EXISTS
                | FAILED_PRECONDITION
                | ABORTED
                | OUT_OF_RANGE
                | INTERNAL
                | DATA_LOSS
        )
    }

    pub(crate) const fn of_http(status: u16) -> u16 {
        match status {
            400 => INTERNAL,
            401 => UNAUTHENTICATED,
            403 => PERMISSION_DENIED,
            404 => UNIMPLEMENTED,
            429 | 502 | 503 | 504 => UNAVAILABLE,
            _ => UNKNOWN,
        }
    }
}
