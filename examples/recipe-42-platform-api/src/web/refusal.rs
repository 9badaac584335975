//! Errors, as pages for people and as problems for scripts.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use counterfoil::tower::ErrorCode;
use maud::html;

use super::errors::SIGNED_OUT;
use super::layout::{Page, Place};
use crate::errors::UNAUTHENTICATED;

/// Why a page was not had.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal(pub(crate) ErrorCode);

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self(code)
    }
}

impl From<Refusal> for ErrorCode {
    fn from(Refusal(code): Refusal) -> Self {
        code
    }
}

impl IntoResponse for Refusal {
    /// A page with the code and the ids by which the request is found. Whoever is not signed in is asked to.
    fn into_response(self) -> Response {
        let code = self.0;
        if code == SIGNED_OUT {
            return Redirect::to("/sign-in").into_response();
        }
        let mut response = page(code);
        // For the layer, which puts it into span and metrics.
        response.extensions_mut().insert(code);
        response
    }
}

fn page(code: ErrorCode) -> Response {
    let status =
        StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let title = status.canonical_reason().unwrap_or("Error");
    let page = Page {
        title,
        place: Place::Elsewhere,
        session: None,
        script: None,
    };
    let content = html! {
        section.card.refusal {
            p.status { (status.as_u16()) }
            h1 { (title) }
            p { (code.description()) }
            p { "Error code " code { (code.as_str()) } }
            @if code == UNAUTHENTICATED {
                p { a href="/sign-in" { "Sign in again" } }
            } @else {
                p { a href="/" { "Back to the start" } }
            }
        }
    };
    page.with_status(status, &content)
}
