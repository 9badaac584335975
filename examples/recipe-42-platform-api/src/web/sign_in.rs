//! Signing in with a key of the API, and out.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use counterfoil::tower::ErrorCode;
use counterfoil::{InContext as _, Sensitive};
use maud::html;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::Front;
use super::form::{Nothing, Own, unreadable};
use super::layout::{Page, Place};
use super::refusal::Refusal;
use crate::api::in_name_of;
use crate::errors::UNAUTHENTICATED;

#[derive(Deserialize)]
pub(super) struct Credentials {
    key: String,
}

/// `GET /sign-in`
pub(super) async fn form() -> Response {
    page(None)
}

/// `POST /sign-in`
pub(super) async fn sign_in(
    State(front): State<Front>,
    credentials: Result<Form<Credentials>, FormRejection>,
) -> Result<Response, Refusal> {
    let Form(Credentials { key }) = credentials.map_err(unreadable)?;
    let key = Zeroizing::new(key);
    let key = Sensitive::new(Zeroizing::new(key.trim().to_owned()));
    let caller = match front.api.caller(&key).await {
        Ok(caller) => caller,
        Err(UNAUTHENTICATED) => {
            tracing::warn!("a sign-in with a key that nobody knows");
            return Ok(refused());
        }
        Err(code) => return Err(Refusal(code)),
    };
    let context = in_name_of(&caller.tenant);
    front.seal("sign_in", None).in_context(context).await?;
    tracing::info!(tenant = caller.tenant, role = caller.role, "signed in");
    let cookie = front.sessions.open(key, caller)?;
    Ok(([(SET_COOKIE, cookie)], Redirect::to("/allocations")).into_response())
}

/// `POST /sign-out`
pub(super) async fn sign_out(
    State(front): State<Front>,
    own: Own<Nothing>,
) -> Result<Response, Refusal> {
    front.seal("sign_out", None).await?;
    let cookie = front.sessions.end(&own.session);
    Ok(([(SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response())
}

fn refused() -> Response {
    let mut response = page(Some(UNAUTHENTICATED));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    // For the layer, which puts it into span and metrics.
    response.extensions_mut().insert(UNAUTHENTICATED);
    response
}

fn page(error: Option<ErrorCode>) -> Response {
    let page = Page {
        title: "Sign in",
        place: Place::Elsewhere,
        session: None,
        script: None,
    };
    page.with(&html! {
        section.card.narrow {
            h1 { "Sign in" }
            @if let Some(error) = error {
                p.notice.bad #why role="alert" {
                    span aria-hidden="true" { "✗ " } (error.description()) " " code { (error.as_str()) }
                }
            }
            form method="post" action="/sign-in" {
                label for="key" { "API key" }
                input #key name="key" type="password" autocomplete="current-password" required maxlength="256"
                    autofocus spellcheck="false" aria-invalid=[error.map(|_| "true")]
                    aria-describedby=(if error.is_some() { "why hint" } else { "hint" });
                p.hint #hint { "It stays on the server: your browser gets a session that ends by itself." }
                button type="submit" { "Sign in" }
            }
        }
    })
}
