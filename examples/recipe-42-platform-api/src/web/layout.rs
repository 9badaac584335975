//! What all pages have in common.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use counterfoil::Current;
use counterfoil::json::is_deceptive;
use maud::{DOCTYPE, Markup, Render, html};

use super::assets::{ICON, STYLE};
use super::session::Session;

/// A page that somebody may be at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Allocations,
    Operations,
    Elsewhere,
}

/// A page.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) title: &'a str,
    pub(crate) place: Place,
    pub(crate) session: Option<&'a Session>,
    /// A module that the page loads.
    pub(crate) script: Option<&'a str>,
}

impl Page<'_> {
    /// The page around its content.
    pub(crate) fn with(&self, content: &Markup) -> Response {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Platform" }
                    link rel="icon" type="image/svg+xml" href=(ICON);
                    link rel="stylesheet" href=(STYLE);
                    @if let Some(script) = self.script {
                        script type="module" src=(script) {}
                    }
                }
                body {
                    a.skip href="#content" { "Skip to content" }
                    (self.header())
                    main #content tabindex="-1" { (content) }
                    (footer())
                }
            }
        };
        Html(page.into_string()).into_response()
    }

    /// The same with another status.
    pub(crate) fn with_status(&self, status: StatusCode, content: &Markup) -> Response {
        (status, self.with(content)).into_response()
    }

    fn header(&self) -> Markup {
        html! {
            header {
                a.brand href="/" { span.mark aria-hidden="true" { "≡" } "Platform" }
                @if let Some(session) = self.session {
                    nav aria-label="Pages" {
                        (self.link(Place::Allocations, "/allocations", "Allocations"))
                        @if session.caller.is_admin() {
                            (self.link(Place::Operations, "/admin/ops/overview", "Operations"))
                        }
                    }
                    form.who method="post" action="/sign-out" {
                        span { (Foreign(&session.caller.tenant)) " · " (Foreign(&session.caller.role)) }
                        (token(session))
                        button.quiet type="submit" { "Sign out" }
                    }
                }
            }
        }
    }

    fn link(&self, place: Place, href: &str, text: &str) -> Markup {
        html! {
            a href=(href) aria-current=[(self.place == place).then_some("page")] { (text) }
        }
    }
}

/// By what this request is found in logs, traces and records of every process.
fn footer() -> Markup {
    let context = Current::get();
    let request = context.as_ref().and_then(|it| it.request());
    let trace = context.as_ref().and_then(|it| it.trace());
    html! {
        footer {
            @if let Some(request) = request { span { "Request " code { (request) } } }
            @if let Some(trace) = trace { span { "Trace " code { (trace.trace_id) } } }
        }
    }
}

/// The field by which a form is one of this session's own.
pub(crate) fn token(session: &Session) -> Markup {
    html! { input type="hidden" name="token" value=(session.token()); }
}

/// Text from elsewhere. It is escaped as all text is, kept apart from the direction of the text around it, and what would act
/// instead of being shown is shown by its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Foreign<'a>(pub(crate) &'a str);

impl Render for Foreign<'_> {
    fn render_to(&self, out: &mut String) {
        let mut shown = String::with_capacity(self.0.len());
        for c in self.0.chars() {
            if c.is_control() || is_deceptive(c) {
                shown.extend(c.escape_unicode());
            } else {
                shown.push(c);
            }
        }
        html! { bdi { (shown) } }.render_to(out);
    }
}
