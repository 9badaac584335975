//! What comes in: the session of a request, and forms that are its own.

use std::sync::Arc;

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::errors::{FORM_EXPIRED, SIGNED_OUT};
use super::refusal::Refusal;
use super::session::{Session, Sessions};
use crate::errors::{MALFORMED, TOO_LARGE};

/// The session of a request; without one it is refused.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn(pub(crate) Arc<Session>);

impl<S> FromRequestParts<S> for SignedIn
where
    S: Send + Sync,
    Sessions: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let session = Sessions::from_ref(state).of(parts);
        session.map(Self).ok_or(Refusal(SIGNED_OUT))
    }
}

/// A form that a page of the same session has sent.
#[derive(Debug)]
pub(crate) struct Own<T> {
    pub(crate) session: Arc<Session>,
    pub(crate) form: T,
}

/// A form without fields of its own: a button.
#[derive(Debug, Deserialize)]
pub(crate) struct Nothing {}

/// A form with the token of its session.
#[derive(Deserialize)]
struct WithToken<T> {
    token: String,
    #[serde(flatten)]
    form: T,
}

impl<S, T> FromRequest<S> for Own<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
    Sessions: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let SignedIn(session) = SignedIn::from_request_parts(&mut parts, state).await?;
        let request = Request::from_parts(parts, body);
        let form = Form::<WithToken<T>>::from_request(request, state).await;
        let Form(WithToken { token, form }) = form.map_err(unreadable)?;
        if !session.made(&token) {
            return Err(Refusal(FORM_EXPIRED));
        }
        Ok(Self { session, form })
    }
}

/// Why a form cannot be read.
pub(crate) fn unreadable(rejection: FormRejection) -> Refusal {
    Refusal(match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => TOO_LARGE,
        _ => MALFORMED,
    })
}
