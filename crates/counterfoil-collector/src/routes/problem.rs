//! A [`Refusal`] as RFC 9457 tells it: `application/problem+json`.

use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Reason, Refusal};

/// The media type of a problem (RFC 9457 §6.1).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The body of every answer that is an error. `type` is absent and so `about:blank`; what to branch on is `code`.
///
/// The text quotes what came from outside. As JSON it is escaped here; whoever shows `detail` in a terminal or a page escapes it
/// there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Problem {
    /// The phrase of the status.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The stable code of the reason ([`Reason::code`](crate::Reason::code)).
    pub code: &'static str,
    /// A sentence for people, with the next step.
    pub detail: String,
    /// The number of the record that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The head that the next record has to follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<ExpectedHead>,
    /// Every record up to this one is durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<u64>,
}

/// The head that the next record has to follow: number 0 and the zero hash before the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct ExpectedHead {
    /// Number of the last record.
    pub seq: u64,
    /// Its hash, in lower-case hex.
    pub hash: String,
}

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Self {
        let status = refusal.reason.status();
        Self {
            title: StatusCode::from_u16(status)
                .ok()
                .and_then(|status| status.canonical_reason())
                .unwrap_or("Error"),
            status,
            code: refusal.reason.code(),
            detail: refusal.detail.clone(),
            seq: refusal.seq,
            expected: refusal.expected.map(|(seq, hash)| ExpectedHead {
                seq,
                hash: hash.to_string(),
            }),
            acknowledged: refusal.acknowledged,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = Problem::from(&self);
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // A problem holds nothing but texts and numbers.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, body).into_response();
        // For whoever counts, and for the layer around the routes.
        response.extensions_mut().insert(self.reason);
        response.extensions_mut().insert(self.reason.error_code());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(after) = self.retry_after {
            // Whole seconds, rounded up: asking earlier than told is asking in vain.
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        match self.reason {
            Reason::Unauthenticated => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Reason::UnsupportedEncoding => {
                // What would have been taken (RFC 9110 §15.5.16).
                let taken = HeaderValue::from_static("gzip, zstd, identity");
                headers.insert(ACCEPT_ENCODING, taken);
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use counterfoil::Digest;
    use counterfoil::tower::ErrorCode;
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_refusal_is_a_problem_with_the_head_to_go_on_from() {
        let mut refusal = Refusal::new(Reason::Sequence, "record 7 does not follow record 4");
        refusal.seq = Some(7);
        refusal.expected = Some((4, Digest::from_bytes([0xab; 32])));
        refusal.acknowledged = Some(4);
        let response = refusal.into_response();
        assert_eq!(response.status(), StatusCode::CONFLICT);
        assert_eq!(response.headers()[CONTENT_TYPE], PROBLEM_JSON);
        let code: &ErrorCode = response.extensions().get().unwrap();
        assert_eq!((code.as_str(), code.http_status()), ("sequence", 409));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "title": "Conflict", "status": 409, "code": "sequence",
                "detail": "record 7 does not follow record 4",
                "seq": 7, "expected": {"seq": 4, "hash": "ab".repeat(32)}, "acknowledged": 4,
            })
        );
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_rounded_up() {
        let mut refusal = Refusal::new(Reason::RateLimited, "too fast");
        refusal.retry_after = Some(Duration::from_millis(1_200));
        let response = refusal.into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
    }
}
