//! The overview of operations, as a page: a skeleton that its script fills and keeps up to date.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use counterfoil::tower::ErrorCode;
use maud::{Markup, html};

use super::Front;
use super::assets::OPS_SCRIPT;
use super::form::SignedIn;
use super::layout::{Page, Place};
use super::refusal::Refusal;
use crate::errors::FORBIDDEN;
use crate::ops::OVERVIEW;

/// The panels: what the document calls them, and what people do.
const PANELS: [(&str, &str); 5] = [
    ("health", "Health"),
    ("queues", "Queues"),
    ("throughput", "Throughput"),
    ("errors", "Errors and latency"),
    ("incidents", "Incidents"),
];

/// `GET /admin/ops/overview`
pub(super) async fn page(
    State(front): State<Front>,
    SignedIn(session): SignedIn,
) -> Result<Response, Refusal> {
    if !session.caller.is_admin() {
        return Err(Refusal(FORBIDDEN));
    }
    let page = Page {
        title: "Operations",
        place: Place::Operations,
        session: Some(&session),
        script: Some(OPS_SCRIPT),
    };
    let url = format!("{}{OVERVIEW}", front.api.base());
    Ok(page.with(&html! {
        div.bar {
            h1 { "Operations" }
            p #summary { "Loading…" }
            p.unseen #announcement role="status" {}
            div.buttons {
                button.quiet #refresh type="button" aria-keyshortcuts="r" { "Refresh" }
                button.quiet #pause type="button" aria-keyshortcuts="p" aria-pressed="false" { "Pause" }
                button.quiet #help-open type="button" aria-keyshortcuts="?" aria-haspopup="dialog" { "Keys" }
            }
        }
        noscript { p.notice { "This page needs its script to show anything; the same figures are in the JSON below." } }
        div.panels { @for (name, title) in PANELS { (panel(name, title)) } }
        (same_as_command(&url))
        (keys())
    }))
}

/// `GET /admin/ops/overview.json`: what the API says, under this page's own session.
pub(super) async fn json(
    State(front): State<Front>,
    session: Result<SignedIn, Refusal>,
) -> Result<Response, ErrorCode> {
    let SignedIn(session) = session?;
    let overview = front.api.overview(&session.key).await?;
    Ok(([(CONTENT_TYPE, "application/json")], overview).into_response())
}

fn panel(name: &str, title: &str) -> Markup {
    let heading = format!("panel-{name}");
    html! {
        section.card.panel id=(name) data-state="loading" aria-labelledby=(heading) aria-busy="true" tabindex="-1" {
            header {
                h2 id=(heading) { (title) }
                p.state { span.mark aria-hidden="true" { "◌" } " " span.word { "loading" } }
            }
            p.reason {}
            div.content {}
        }
    }
}

/// How to ask the same from a terminal. The key is read from the environment and stands on no command line.
fn same_as_command(url: &str) -> Markup {
    html! {
        section.card aria-labelledby="curl-title" {
            h2 #curl-title { "The same from a terminal" }
            pre { code #curl { "printf 'authorization: Bearer %s\\n' \"$PLATFORM_KEY\" | curl -sS -H @- " (url) } }
            button.quiet #copy type="button" { "Copy as curl" }
            " " span #copied role="status" {}
        }
    }
}

fn keys() -> Markup {
    const KEYS: [(&str, &str); 5] = [
        ("j", "next panel"),
        ("k", "previous panel"),
        ("r", "refresh now"),
        ("p", "pause, or go on"),
        ("?", "these keys"),
    ];
    html! {
        dialog #help aria-labelledby="help-title" {
            h2 #help-title { "Keys" }
            dl.keys { @for (key, what) in KEYS { dt { kbd { (key) } } dd { (what) } } }
            form method="dialog" { button type="submit" { "Close" } }
        }
    }
}
