//! What handlers take of a request, refused with entries of the catalogue where it is wrong.

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use bytes::Bytes;
use counterfoil::tower::ErrorCode;

use crate::errors::{MALFORMED, TOO_LARGE};

/// The body, within its bound.
pub(super) struct Body(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ErrorCode;

    async fn from_request(request: Request, state: &S) -> Result<Self, ErrorCode> {
        let read = Bytes::from_request(request, state).await;
        read.map(Self)
            .map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => TOO_LARGE,
                _ => MALFORMED,
            })
    }
}

/// The one parameter of a path.
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ErrorCode;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ErrorCode> {
        let found = Path::from_request_parts(parts, state).await;
        found.map(|Path(id)| Self(id)).map_err(|_| MALFORMED)
    }
}
