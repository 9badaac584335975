//! Everything that a vault answers with instead of what was asked for.

use std::error::Error;

use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use counterfoil::tower::{Coded, ErrorCode};

counterfoil::tower::error_codes! {
    /// The errors of a vault: each has a code that logs, spans, metrics and answers share.
    pub CATALOGUE;
    /// No key was sent, or nobody knows it.
    UNAUTHENTICATED: "vault.unauthenticated", http 401, grpc 16;
    /// Only a peer may do this.
    FORBIDDEN: "vault.forbidden", http 403, grpc 7;
    /// The request is not what this address takes; the README says what it does.
    MALFORMED: "vault.malformed", http 400, grpc 3;
    /// There is nothing at this address, or it does not take this method.
    NO_ROUTE: "vault.no_route", http 404, grpc 5;
    /// An object is 8 MiB large at most.
    TOO_LARGE: "vault.too_large", http 413, grpc 8;
    /// More requests are under way than are taken; try again in a moment.
    OVERLOADED: "vault.overloaded", http 503, grpc 8;
    /// The vault did not answer in time.
    TIMEOUT: "vault.timeout", http 504, grpc 4;
    /// The vault has no object of this address.
    UNKNOWN_OBJECT: "object.unknown", http 404, grpc 5;
    /// What was stored is not what its address says.
    CORRUPT: "object.corrupt", http 500, grpc 15;
    /// The file of the object cannot be read; the log says why.
    UNREADABLE: "object.unreadable", http 500, grpc 15;
    /// The body does not have the address that it was sent to.
    ADDRESS_MISMATCH: "object.address_mismatch", http 422, grpc 3;
    /// The object does not fit into what is left of the capacity.
    FULL: "storage.full", http 507, grpc 8;
    /// The vault takes no objects: it was started to be read only.
    READ_ONLY: "storage.read_only", http 503, grpc 9;
    /// The storage does not answer; the log says why.
    STORAGE: "storage.unavailable", http 503, grpc 14;
    /// The audit record could not be sealed; put the object again.
    NOT_SEALED: "audit.not_sealed", http 503, grpc 14;
    /// The peer could not be reached.
    PEER_UNREACHABLE: "peer.unreachable", http 502, grpc 14;
    /// The peer answered with an error.
    PEER_REFUSED: "peer.refused", http 502, grpc 9;
    /// The peer does not take this object.
    PEER_REFUSED_OBJECT: "peer.refused_object", http 502, grpc 9;
}

/// Why something was not done: an entry of the catalogue, and what was found out for the log.
#[derive(Debug)]
pub(crate) struct Failure {
    code: ErrorCode,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// An entry of the catalogue, because of this.
    pub(crate) fn because(code: ErrorCode, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let cause = Some(cause.into());
        Self { code, cause }
    }

    pub(crate) const fn code(&self) -> ErrorCode {
        self.code
    }

    /// Tells the log what the client is not told. What a client did wrong is no error of the vault's.
    pub(crate) fn log(&self) {
        let (code, description) = (self.code.as_str(), self.code.description());
        match &self.cause {
            Some(cause) if self.code.http_status() >= 500 => {
                tracing::error!(error_code = code, %cause, "{description}");
            }
            Some(cause) => tracing::info!(error_code = code, %cause, "{description}"),
            None => {}
        }
    }
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Self { code, cause: None }
    }
}

impl From<BytesRejection> for Failure {
    fn from(rejected: BytesRejection) -> Self {
        // Whoever goes away in the middle has not sent too much.
        let is_too_large = rejected.status() == StatusCode::PAYLOAD_TOO_LARGE;
        let code = if is_too_large { TOO_LARGE } else { MALFORMED };
        Self::because(code, rejected)
    }
}

impl From<PathRejection> for Failure {
    fn from(rejected: PathRejection) -> Self {
        Self::because(MALFORMED, rejected)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::because(STORAGE, error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::because(STORAGE, error)
    }
}

impl Coded for Failure {
    fn error_code(&self) -> Option<ErrorCode> {
        Some(self.code)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.log();
        self.code.into_response()
    }
}
