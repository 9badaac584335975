//! Everything that the platform answers with instead of what was asked for, and why messages fail.

use std::error::Error;

use axum::response::{IntoResponse, Response};
use counterfoil::tower::{Coded, ErrorCode};

counterfoil::tower::error_codes! {
    /// The errors of the platform: each has a code that logs, spans, metrics and answers share.
    pub CATALOGUE;

    /// No API key was sent, or nobody knows it.
    UNAUTHENTICATED: "auth.unauthenticated", http 401, grpc 16;
    /// The role of this API key does not allow it.
    FORBIDDEN: "auth.forbidden", http 403, grpc 7;

    /// The request is not what this address takes; the documentation says what it does.
    MALFORMED: "request.malformed", http 400, grpc 3;
    /// There is nothing at this address.
    NOT_FOUND: "request.not_found", http 404, grpc 5;
    /// This address does not take this method.
    METHOD_NOT_ALLOWED: "request.method_not_allowed", http 405, grpc 12;
    /// The body is larger than this address takes.
    TOO_LARGE: "request.too_large", http 413, grpc 8;
    /// The server did not answer in time; whether the change was made is told by asking again with the same idempotency key.
    TIMEOUT: "request.timeout", http 504, grpc 4;
    /// More requests are under way than are taken; try again in a moment.
    OVERLOADED: "request.overloaded", http 503, grpc 8;

    /// An idempotency key is 1 to 128 visible ASCII characters.
    IDEMPOTENCY_MALFORMED: "idempotency.malformed", http 400, grpc 3;
    /// This idempotency key was sent with another request before.
    IDEMPOTENCY_REUSED: "idempotency.reused", http 422, grpc 9;

    /// The tenant has no such project.
    UNKNOWN_PROJECT: "project.unknown", http 404, grpc 5;
    /// The tenant has no such allocation.
    UNKNOWN_ALLOCATION: "allocation.unknown", http 404, grpc 5;
    /// An allocation is 4096 bytes to 1 GiB large.
    SIZE_OUT_OF_RANGE: "allocation.size_out_of_range", http 422, grpc 11;
    /// The allocation is released already, or failed.
    NOT_RELEASABLE: "allocation.not_releasable", http 409, grpc 9;
    /// The tenant's credit does not cover it.
    INSUFFICIENT_CREDIT: "billing.insufficient_credit", http 402, grpc 9;

    /// The signature of the webhook is missing, malformed, or not of this body.
    WEBHOOK_UNSIGNED: "webhook.signature_invalid", http 401, grpc 16;
    /// The webhook was signed too long ago, or in the future.
    WEBHOOK_STALE: "webhook.timestamp_outside_tolerance", http 401, grpc 16;
    /// This event id came with another content before.
    WEBHOOK_REUSED: "webhook.event_reused", http 409, grpc 6;
    /// The webhook is about a tenant that there is not.
    UNKNOWN_TENANT: "webhook.unknown_tenant", http 422, grpc 5;

    /// Of the audit metadata a client may say reason and policy_key, and nothing else.
    METADATA_KEY: "audit.metadata_key_unknown", http 422, grpc 3;
    /// The database does not answer; nothing was changed.
    STORE_UNAVAILABLE: "store.unavailable", http 503, grpc 14;
    /// The audit record could not be sealed, so nothing was changed.
    NOT_SEALED: "audit.not_sealed", http 503, grpc 14;
    /// Something is wrong that should never be; the request id finds it in the log.
    INTERNAL: "platform.internal", http 500, grpc 13;

    /// The node does not answer.
    NODE_UNREACHABLE: "node.unreachable", http 502, grpc 14;
    /// The node has no room for it.
    NODE_FULL: "node.full", http 507, grpc 8;
    /// The message is none that this worker knows.
    MESSAGE_MALFORMED: "message.malformed", http 422, grpc 3;
    /// Every attempt at the message ended without an end.
    ATTEMPTS_EXHAUSTED: "message.attempts_exhausted", http 500, grpc 13;
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

    /// Tells the log what the client is not told.
    pub(crate) fn log(&self) {
        if let Some(cause) = &self.cause {
            tracing::error!(error_code = self.code.as_str(), %cause, "{}", self.code.description());
        }
    }
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Self { code, cause: None }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::because(STORE_UNAVAILABLE, error)
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
