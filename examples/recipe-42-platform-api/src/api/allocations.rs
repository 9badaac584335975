//! The handlers of `/v1/allocations`.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use counterfoil::audit::Outcome;
use counterfoil::tower::Mutation;
use serde::{Deserialize, Serialize};

use super::extract::{Body, Id};
use super::{Platform, idempotency};
use crate::audit::{Field, Kind, Metadata};
use crate::domain::is_name;
use crate::errors::{
    Failure, INSUFFICIENT_CREDIT, MALFORMED, NOT_RELEASABLE, SIZE_OUT_OF_RANGE, UNKNOWN_ALLOCATION,
    UNKNOWN_PROJECT,
};
use crate::store::idempotency::Keyed;
use crate::store::ledger::{Entry, Posted, Reason};
use crate::store::{Change, allocations, idempotency as keys, ledger, members};
use crate::{Allocation, AllocationState, EventType, Member};

/// How many allocations a page has.
const PAGE: u32 = 50;

/// What a client asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[serde(default = "default_project")]
    project: String,
    bytes: i64,
    node: Option<String>,
}

/// Why something is given back, if the client says so.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    metadata: BTreeMap<String, String>,
}

/// Which page is wanted.
#[derive(Deserialize)]
pub(super) struct Page {
    before: Option<String>,
}

#[derive(Serialize)]
struct Allocations {
    allocations: Vec<Allocation>,
    /// What to pass as `before` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `POST /v1/allocations`
pub(super) async fn create(
    State(platform): State<Platform>,
    Extension(member): Extension<Member>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Failure> {
    let keyed = idempotency::keyed(&headers, &member, "POST /v1/allocations", &body)?;
    let wish = Wish::parse(&body)?;
    let mutation = Mutation::new("allocation.create");
    let project = mutation
        .resolve(platform.project(&member, wish.project))
        .await?;
    let wanted = platform.wanted(member.tenant, project, wish.bytes, wish.node);
    let made = mutation.apply(platform.make(wanted, keyed)).await?;
    let (allocation, status) = match made {
        Made::Before(allocation) => (allocation, StatusCode::OK),
        Made::Now(change) => {
            let mut metadata =
                Metadata::default().moved(&change.state().id, None, AllocationState::Requested);
            if let Some(keyed) = keyed {
                metadata = metadata.with(Field::IdempotencyKeyHash, hex(&keyed.key));
            }
            let allocation = mutation
                .record(platform.record(change, EventType::AllocationRequested, metadata))
                .await?;
            tracing::info!(
                allocation_id = allocation.id,
                bytes = allocation.bytes,
                "allocation requested"
            );
            (allocation, StatusCode::CREATED)
        }
    };
    Ok((status, Json(allocation)).into_response())
}

/// `DELETE /v1/allocations/{id}`
pub(super) async fn release(
    State(platform): State<Platform>,
    Extension(member): Extension<Member>,
    Id(id): Id,
    Body(body): Body,
) -> Result<Json<Allocation>, Failure> {
    let said = Metadata::default().with_said(Release::parse(&body)?.metadata)?;
    let mutation = Mutation::new("allocation.release");
    let allocation = mutation.resolve(platform.allocation(member, id)).await?;
    let (from, change) = mutation.apply(platform.give_back(allocation)).await?;
    let metadata = said.moved(&change.state().id, Some(from), AllocationState::Released);
    let allocation = mutation
        .record(platform.record(change, EventType::AllocationReleased, metadata))
        .await?;
    tracing::info!(allocation_id = allocation.id, "allocation released");
    Ok(Json(allocation))
}

/// `GET /v1/allocations/{id}`
pub(super) async fn show(
    State(platform): State<Platform>,
    Extension(member): Extension<Member>,
    Id(id): Id,
) -> Result<Json<Allocation>, Failure> {
    platform.allocation(member, id).await.map(Json)
}

/// `GET /v1/allocations?before=…`
pub(super) async fn list(
    State(platform): State<Platform>,
    Extension(member): Extension<Member>,
    page: Result<Query<Page>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Failure> {
    let Query(page) = page.map_err(|_| MALFORMED)?;
    let read = platform.store.read(move |connection| {
        allocations::list(connection, &member.tenant, page.before.as_deref(), PAGE)
    });
    let allocations = read.await?;
    let full = allocations.len() == PAGE as usize;
    let next = allocations.last().filter(|_| full).map(|it| it.id.clone());
    Ok(Json(Allocations { allocations, next }).into_response())
}

/// What came of the wish for an allocation.
enum Made {
    /// It is about to be made.
    Now(Change<Allocation>),
    /// The same request made it before.
    Before(Allocation),
}

impl Platform {
    async fn project(&self, member: &Member, project: String) -> Result<String, Failure> {
        let tenant = member.tenant.clone();
        let read = self.store.read(move |connection| {
            let there = members::has_project(connection, &tenant, &project)?;
            there
                .then_some(project)
                .ok_or_else(|| UNKNOWN_PROJECT.into())
        });
        read.await
    }

    async fn allocation(&self, member: Member, id: String) -> Result<Allocation, Failure> {
        let read = self
            .store
            .read(move |connection| allocations::find(connection, &member.tenant, &id));
        read.await?.ok_or_else(|| UNKNOWN_ALLOCATION.into())
    }

    fn wanted(
        &self,
        tenant: String,
        project: String,
        bytes: i64,
        node: Option<String>,
    ) -> Allocation {
        let now = self.store.now();
        Allocation {
            id: format!("al-{}", self.ids.span_id()),
            project,
            bytes,
            node,
            state: AllocationState::Requested,
            error_code: None,
            created_at: now,
            updated_at: now,
            tenant,
        }
    }

    /// Makes an allocation and pays for it, unless the same request did so before.
    async fn make(&self, wanted: Allocation, keyed: Option<Keyed>) -> Result<Made, Failure> {
        let begun = self.store.change(move |connection| {
            if let Some(keyed) = keyed
                && let Some(id) = keys::find(connection, keyed)?
            {
                let before = allocations::find(connection, &wanted.tenant, &id)?;
                return Ok((before.ok_or(UNKNOWN_ALLOCATION)?, false));
            }
            allocations::insert(connection, &wanted)?;
            let price = Entry {
                tenant: &wanted.tenant,
                reason: Reason::Allocation,
                reference: &wanted.id,
                amount: -Allocation::price(wanted.bytes),
            };
            if ledger::post(connection, price, wanted.created_at)? == Posted::NotCovered {
                return Err(INSUFFICIENT_CREDIT.into());
            }
            if let Some(keyed) = keyed {
                keys::insert(connection, keyed, &wanted.id, wanted.created_at)?;
            }
            Ok((wanted, true))
        });
        let change = begun.await?;
        Ok(match change.state() {
            (_, true) => Made::Now(change.map(|(allocation, _)| allocation)),
            (before, false) => Made::Before(before.clone()),
        })
    }

    /// Gives an allocation back, and says which state it was in: a worker may have moved it on since it was resolved.
    async fn give_back(
        &self,
        resolved: Allocation,
    ) -> Result<(AllocationState, Change<Allocation>), Failure> {
        use AllocationState::{Active, Provisioning, Released, Requested};
        let now = self.store.now();
        let begun = self.store.change(move |connection| {
            let found = allocations::find(connection, &resolved.tenant, &resolved.id)?;
            let mut allocation = found.ok_or(UNKNOWN_ALLOCATION)?;
            let from = allocation.state;
            if !matches!(from, Requested | Provisioning | Active) {
                return Err(NOT_RELEASABLE.into());
            }
            allocations::move_on(connection, &mut allocation, Released, now)?;
            Ok((from, allocation))
        });
        let change = begun.await?;
        let from = change.state().0;
        Ok((from, change.map(|(_, allocation)| allocation)))
    }

    /// Tells the outbox and the audit chain about a change, and commits it.
    async fn record(
        &self,
        change: Change<Allocation>,
        event: EventType,
        metadata: Metadata,
    ) -> Result<Allocation, Failure> {
        let change = self.emit(change, event).await?;
        let node = change.state().node.clone();
        let sealed = self
            .audit
            .seal(
                Kind::AllocationState,
                metadata,
                node.as_deref(),
                Outcome::Success,
            )
            .await?;
        let allocation = change.commit(sealed).await?;
        self.emitted.notify_one();
        Ok(allocation)
    }
}

impl Wish {
    fn parse(body: &[u8]) -> Result<Self, Failure> {
        let wish: Self = serde_json::from_slice(body).map_err(|_| MALFORMED)?;
        if !is_name(&wish.project) || !wish.node.as_deref().is_none_or(is_name) {
            return Err(MALFORMED.into());
        }
        if !(4096..=1 << 30).contains(&wish.bytes) {
            return Err(SIZE_OUT_OF_RANGE.into());
        }
        Ok(wish)
    }
}

impl Release {
    /// A body need not be there.
    fn parse(body: &[u8]) -> Result<Self, Failure> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(body).map_err(|_| MALFORMED.into())
    }
}

fn default_project() -> String {
    "default".to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
