//! The allocations of a tenant: a list, a form for one more, and a button to give one back.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{Redirect, Response};
use counterfoil::tower::{ErrorCode, Mutation};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::Front;
use super::api::{Shown, Wish};
use super::assets::ALLOCATIONS_SCRIPT;
use super::form::{Nothing, Own, SignedIn};
use super::layout::{Foreign, Page, Place, token};
use super::refusal::Refusal;
use super::session::{Session, random};
use crate::AllocationState;
use crate::domain::is_name;
use crate::errors::{SIZE_OUT_OF_RANGE, UNKNOWN_ALLOCATION};

const MIB: i64 = 1 << 20;

#[derive(Debug, Deserialize)]
pub(super) struct New {
    project: String,
    mebibytes: String,
    node: String,
    idempotency_key: String,
}

/// What was done before the page was asked for, and before which allocation it begins.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    done: Option<String>,
    before: Option<String>,
}

/// How far an allocation is, for the script of the page.
#[derive(Debug, Serialize)]
pub(super) struct Progress {
    id: String,
    state: String,
    mark: &'static str,
    node: Option<String>,
    error_code: Option<String>,
}

/// `GET /allocations`
pub(super) async fn list(
    State(front): State<Front>,
    SignedIn(session): SignedIn,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Wanted { done, before } = wanted.map(|Query(wanted)| wanted).unwrap_or_default();
    let before = before.filter(|id| is_name(id));
    let listed = front
        .api
        .allocations(&session.key, before.as_deref())
        .await?;
    let page = Page {
        title: "Allocations",
        place: Place::Allocations,
        session: Some(&session),
        script: Some(ALLOCATIONS_SCRIPT),
    };
    let key = random()?;
    Ok(page.with(&html! {
        (notice(done.as_deref()))
        h1 { "Allocations" }
        (creation(&session, &key))
        (table(&session, &listed.allocations))
        @if let Some(next) = listed.next.filter(|id| is_name(id)) {
            p { a href=(format!("/allocations?before={next}")) { "Older allocations" } }
        }
    }))
}

/// `POST /allocations`
pub(super) async fn create(State(front): State<Front>, own: Own<New>) -> Result<Redirect, Refusal> {
    let New {
        project,
        mebibytes,
        node,
        idempotency_key,
    } = own.form;
    let mebibytes: i64 = mebibytes.trim().parse().map_err(|_| SIZE_OUT_OF_RANGE)?;
    let node = node.trim();
    let wish = Wish {
        project: project.trim().to_owned(),
        bytes: mebibytes.saturating_mul(MIB),
        node: (!node.is_empty()).then(|| node.to_owned()),
    };
    let mutation = Mutation::new("web.allocation.create");
    mutation
        .record(front.seal("allocation.create", None))
        .await?;
    let create = front.api.create(&own.session.key, idempotency_key, &wish);
    let created = mutation.apply(create).await?;
    tracing::info!(allocation_id = created.id, "allocation requested");
    Ok(Redirect::to("/allocations?done=requested"))
}

/// `POST /allocations/{id}/release`
pub(super) async fn release(
    State(front): State<Front>,
    Path(id): Path<String>,
    own: Own<Nothing>,
) -> Result<Redirect, Refusal> {
    if !is_name(&id) {
        return Err(Refusal(UNKNOWN_ALLOCATION));
    }
    let mutation = Mutation::new("web.allocation.release");
    let seal = front.seal("allocation.release", Some(&id));
    mutation.record(seal).await?;
    mutation
        .apply(front.api.release(&own.session.key, &id))
        .await?;
    tracing::info!(allocation_id = id, "allocation released");
    Ok(Redirect::to("/allocations?done=released"))
}

/// `GET /allocations/progress`
pub(super) async fn progress(
    State(front): State<Front>,
    session: Result<SignedIn, Refusal>,
) -> Result<Json<Vec<Progress>>, ErrorCode> {
    let SignedIn(session) = session?;
    let listed = front.api.allocations(&session.key, None).await?;
    let progress = listed.allocations.into_iter().map(|it| Progress {
        mark: mark(&it.state),
        id: it.id,
        state: it.state,
        node: it.node,
        error_code: it.error_code,
    });
    Ok(Json(progress.collect()))
}

fn notice(done: Option<&str>) -> Markup {
    let text = match done {
        Some("requested") => "The allocation is requested.",
        Some("released") => "The allocation is given back.",
        _ => return Markup::default(),
    };
    html! { p.notice.good role="status" { span aria-hidden="true" { "✓ " } (text) } }
}

fn creation(session: &Session, key: &str) -> Markup {
    html! {
        section.card aria-labelledby="new" {
            h2 #new { "New allocation" }
            form.fields method="post" action="/allocations" {
                (token(session))
                input type="hidden" name="idempotency_key" value=(key);
                div {
                    label for="project" { "Project" }
                    input #project name="project" value="default" required maxlength="63" pattern="[a-z0-9][a-z0-9_\\-]*" autocomplete="off"
                        list="projects";
                    datalist #projects {
                        @for project in &session.caller.projects { option value=(project) {} }
                    }
                }
                div {
                    label for="mebibytes" { "Size in MiB" }
                    input #mebibytes name="mebibytes" type="number" inputmode="numeric" min="1" max="1024" value="64" required;
                }
                div {
                    label for="node" { "Node " span.hint { "(optional)" } }
                    input #node name="node" maxlength="63" pattern="[a-z0-9][a-z0-9_\\-]*" autocomplete="off";
                }
                button type="submit" { "Allocate" }
            }
        }
    }
}

fn table(session: &Session, allocations: &[Shown]) -> Markup {
    if allocations.is_empty() {
        return html! {
            section.card.empty { p { span aria-hidden="true" { "○ " } "No allocations yet." } }
        };
    }
    html! {
        section.card.flush {
            table {
                caption.unseen { "Allocations, the newest first" }
                thead { tr {
                    th scope="col" { "Allocation" }
                    th scope="col" { "Project" }
                    th.number scope="col" { "Size" }
                    th scope="col" { "Node" }
                    th scope="col" { "State" }
                    th scope="col" { "Since" }
                    th scope="col" { span.unseen { "Actions" } }
                } }
                tbody { @for allocation in allocations { (row(session, allocation)) } }
            }
        }
        p #live.unseen role="status" {}
    }
}

fn row(session: &Session, allocation: &Shown) -> Markup {
    let Shown {
        id,
        project,
        bytes,
        node,
        state,
        error_code,
        created_at,
    } = allocation;
    html! {
        tr data-allocation=(id) {
            th scope="row" data-label="Allocation" { code { (Foreign(id)) } }
            td data-label="Project" { (Foreign(project)) }
            td.number data-label="Size" { (size(*bytes)) }
            td.node data-label="Node" { @match node { Some(node) => (Foreign(node)), None => "—" } }
            td data-label="State" {
                span.badge data-state=(state) {
                    span.mark aria-hidden="true" { (mark(state)) } span.word { (Foreign(state)) }
                }
                @if let Some(code) = error_code { " " code { (Foreign(code)) } }
            }
            td data-label="Since" { (time(created_at)) }
            td.actions {
                @if !matches!(state.as_str(), "released" | "failed") {
                    form method="post" action=(format!("/allocations/{id}/release")) {
                        (token(session))
                        button.quiet type="submit" aria-label=(format!("Give back {id}")) { "Give back" }
                    }
                }
            }
        }
    }
}

/// A point in time, to the second.
fn time(text: &str) -> Markup {
    let short = text.get(..19).unwrap_or(text).replace('T', " ");
    html! { time datetime=(text) { (Foreign(&short)) } }
}

fn size(bytes: i64) -> String {
    if bytes % MIB == 0 {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{bytes} B")
    }
}

/// A mark for a state, which differs in shape and not only in colour.
fn mark(state: &str) -> &'static str {
    match state.parse().ok() {
        Some(AllocationState::Requested) => "○",
        Some(AllocationState::Provisioning) => "◐",
        Some(AllocationState::Active) => "●",
        Some(AllocationState::Released) => "–",
        Some(AllocationState::Failed) => "✗",
        None => "?",
    }
}
