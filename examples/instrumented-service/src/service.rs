//! The service: three routes, and the layer that observes them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use counterfoil::tower::axum::matched_path;
use counterfoil::tower::{ErrorCode, Mutation, ServerLayer};
use counterfoil::{Current, LeaseId, Name, Observer, ResourceType};
use serde::{Deserialize, Serialize};

use crate::Tenants;
use crate::errors::{NOT_SEALED, TOO_LARGE, UNKNOWN_KEY, UNKNOWN_LEASE};

const MOST_BYTES: u64 = 1 << 30;

/// The routes, each observed by one layer: trace, request id, tenant, metrics by route, an error span with its code.
pub fn router(observer: Observer, tenants: Tenants) -> Router {
    let observed = ServerLayer::builder(observer.registry())
        .routes(matched_path)
        .identity(move |request| tenants.of(request))
        .http();
    Router::new()
        .route("/leases", post(acquire))
        .route("/leases/{id}", get(show).delete(release))
        .layer(middleware::from_fn(only_tenants))
        .layer(observed)
        .with_state(Desk {
            observer,
            leases: Arc::default(),
            granted: Arc::default(),
        })
}

/// What the handlers share.
#[derive(Clone)]
struct Desk {
    observer: Observer,
    leases: Arc<Mutex<HashMap<u64, Lease>>>,
    granted: Arc<AtomicU64>,
}

/// What a client asks for.
#[derive(Deserialize)]
struct Wish {
    node: String,
    bytes: u64,
    /// Whatever the client wants to say; it is logged.
    #[serde(default)]
    note: String,
}

#[derive(Clone, Serialize)]
struct Lease {
    id: u64,
    node: String,
    bytes: u64,
}

async fn acquire(
    State(desk): State<Desk>,
    Json(wish): Json<Wish>,
) -> Result<(StatusCode, Json<Lease>), ErrorCode> {
    // Each step of a change has a span of its own, and the one that fails says with which error.
    let mutation = Mutation::new("lease.acquire");
    let (node, bytes) = mutation.resolve(async { wish.fits() }).await?;
    let lease = mutation
        .apply(async { Ok::<_, ErrorCode>(desk.grant(node, bytes)) })
        .await?;
    mutation.record(desk.seal(&lease)).await?;
    tracing::info!(
        lease_id = lease.id,
        bytes = lease.bytes,
        note = wish.note,
        "lease granted"
    );
    Ok((StatusCode::CREATED, Json(lease)))
}

async fn show(State(desk): State<Desk>, Path(id): Path<u64>) -> Result<Json<Lease>, ErrorCode> {
    desk.find(id).map(Json)
}

async fn release(State(desk): State<Desk>, Path(id): Path<u64>) -> Result<StatusCode, ErrorCode> {
    let mutation = Mutation::new("lease.release");
    mutation.resolve(async { desk.find(id) }).await?;
    let lease = mutation
        .apply(async { desk.leases().remove(&id).ok_or(UNKNOWN_LEASE) })
        .await?;
    let node = Name::new(&lease.node);
    let record = async {
        // Not waited for: it is queued, and sealed within milliseconds.
        desk.observer
            .lease_released(&Current, ResourceType::Mem, LeaseId(id), &node);
        Ok::<_, ErrorCode>(())
    };
    mutation.record(record).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses requests of nobody. The layer around it has found the tenant already.
async fn only_tenants(request: Request, next: Next) -> Result<Response, ErrorCode> {
    match Current::get() {
        Some(context) if context.tenant() != "unknown" => Ok(next.run(request).await),
        _ => Err(UNKNOWN_KEY),
    }
}

impl Wish {
    fn fits(&self) -> Result<(String, u64), ErrorCode> {
        match self.bytes {
            ..=MOST_BYTES => Ok((self.node.clone(), self.bytes)),
            _ => Err(TOO_LARGE),
        }
    }
}

impl Desk {
    fn find(&self, id: u64) -> Result<Lease, ErrorCode> {
        self.leases().get(&id).cloned().ok_or(UNKNOWN_LEASE)
    }

    fn grant(&self, node: String, bytes: u64) -> Lease {
        // An id is never given twice, whatever was released.
        let id = self.granted.fetch_add(1, Ordering::Relaxed) + 1;
        let lease = Lease { id, node, bytes };
        self.leases().insert(id, lease.clone());
        lease
    }

    /// One call: counted, in the ring, and sealed in the audit log, under the trace, request and tenant of this request. A lease
    /// that cannot be sealed is not granted.
    async fn seal(&self, lease: &Lease) -> Result<(), ErrorCode> {
        let (id, node) = (LeaseId(lease.id), Name::new(&lease.node));
        let receipt =
            (self.observer).lease_acquired(&Current, ResourceType::Mem, id, &node, lease.bytes);
        if receipt.durable().await.is_err() {
            self.leases().remove(&lease.id);
            return Err(NOT_SEALED);
        }
        Ok(())
    }

    fn leases(&self) -> MutexGuard<'_, HashMap<u64, Lease>> {
        // Each change is one insert or one remove, so a panic elsewhere leaves nothing half done.
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
