//! `/v1/chains`: what is kept, for those who may read it.
//!
//! | resource | scope | what |
//! |---|---|---|
//! | `/v1/chains` | read or verify | the chains of the caller's tenant |
//! | `/v1/chains/{id}` | read or verify | one of them with its durable head |
//! | `/v1/chains/{id}/records` | read | records that meet a filter, as NDJSON |
//! | `/v1/chains/{id}/checkpoint` | verify | the last checkpoint, with the collector's cosignature |
//! | `/v1/chains/{id}/tile/…` | verify; read for entries | tiles of the tree (C2SP tlog-tiles) |
//! | `/v1/chains/{id}/proof/{seq}` | verify | a receipt (C2SP tlog-proof) |
//!
//! The chain of another tenant is answered as one that does not exist.

mod bounds;
pub(crate) mod records;
pub(crate) mod tree;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::routing::get;
use axum::{Json, Router};
use counterfoil::audit::AccessAction;
use counterfoil::{ChainId, Head};
use http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;

use super::segments::Segments;
use crate::{Caller, Reason, Refusal, Scope};
use bounds::Readers;
use tree::Trees;

/// What those who read need of those who keep.
pub trait Shelf: Send + Sync + 'static {
    /// The chains that `caller` may know of, by id.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn chains(
        &self,
        caller: &Caller,
    ) -> impl Future<Output = Result<Vec<KeptChain>, Refusal>> + Send;

    /// One of them.
    ///
    /// # Errors
    /// [`Reason::NotFound`] when there is no such chain or it is another tenant's: the two answers are the same.
    fn chain(
        &self,
        caller: &Caller,
        chain: &ChainId,
    ) -> impl Future<Output = Result<KeptChain, Refusal>> + Send;

    /// Seals that `caller` read of `chain`. It must not wait.
    fn note_access(&self, caller: &Caller, chain: &ChainId, action: AccessAction);
}

/// A chain that is kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeptChain {
    /// Its id.
    pub id: ChainId,
    /// Its log directory.
    pub dir: PathBuf,
    /// The last durable record; nothing behind it is shown.
    pub durable: Option<Head>,
    /// The key that its checkpoints are signed with, if they are.
    pub verifier_key: Option<String>,
}

impl KeptChain {
    /// A chain in `dir`.
    #[must_use]
    pub const fn new(
        id: ChainId,
        dir: PathBuf,
        durable: Option<Head>,
        verifier_key: Option<String>,
    ) -> Self {
        Self {
            id,
            dir,
            durable,
            verifier_key,
        }
    }
}

/// The routes, over what `shelf` keeps. They find the [`Caller`] in the extensions of a request.
pub fn routes<S: Shelf>(shelf: Arc<S>) -> Router {
    let state = Reading {
        shelf,
        readers: Arc::new(Readers::default()),
        trees: Arc::new(Trees::default()),
    };
    Router::new()
        .route("/v1/chains", get(chains::<S>))
        .route("/v1/chains/{chain}", get(chain::<S>))
        .route("/v1/chains/{chain}/records", get(records::records::<S>))
        .route("/v1/chains/{chain}/checkpoint", get(tree::checkpoint::<S>))
        .route("/v1/chains/{chain}/tile/{*tile}", get(tree::tile::<S>))
        .route("/v1/chains/{chain}/proof/{seq}", get(tree::proof::<S>))
        .with_state(state)
}

/// What handlers share.
pub(crate) struct Reading<S> {
    shelf: Arc<S>,
    readers: Arc<Readers>,
    trees: Arc<Trees>,
}

impl<S> Clone for Reading<S> {
    fn clone(&self) -> Self {
        Self {
            shelf: Arc::clone(&self.shelf),
            readers: Arc::clone(&self.readers),
            trees: Arc::clone(&self.trees),
        }
    }
}

/// The chains of a tenant.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct ChainList {
    /// By id.
    pub chains: Vec<ChainSummary>,
}

/// A chain and how far it is durable.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct ChainSummary {
    /// Its id, the C2SP origin of its checkpoints.
    pub chain: String,
    /// Number of the last durable record; 0 before the first.
    pub seq: u64,
    /// Its hash in lower-case hex; 64 zeros before the first.
    pub hash: String,
    /// The key that its checkpoints are signed with, as a C2SP verifier key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifier_key: Option<String>,
}

impl From<KeptChain> for ChainSummary {
    fn from(kept: KeptChain) -> Self {
        let (seq, hash) = kept
            .durable
            .map_or_else(Default::default, |head| (head.seq, head.hash));
        Self {
            chain: kept.id.to_string(),
            seq,
            hash: hash.to_string(),
            verifier_key: kept.verifier_key,
        }
    }
}

/// The chains of the caller's tenant.
#[utoipa::path(
    get, path = "/v1/chains", operation_id = "listChains", tag = "read",
    responses(
        (status = 200, description = "The chains", body = ChainList),
        (status = "4XX", response = crate::openapi::ProblemResponse),
        (status = "5XX", response = crate::openapi::ProblemResponse),
    ),
)]
pub(crate) async fn chains<S: Shelf>(
    State(reading): State<Reading<S>>,
    Reader(caller): Reader,
) -> Result<Json<ChainList>, Refusal> {
    require(&caller, &[Scope::Read, Scope::Verify])?;
    let kept = reading.shelf.chains(&caller).await?;
    Ok(Json(ChainList {
        chains: kept.into_iter().map(ChainSummary::from).collect(),
    }))
}

/// A chain with its durable head.
#[utoipa::path(
    get, path = "/v1/chains/{chain}", operation_id = "getChain", tag = "read",
    params(crate::openapi::ChainParam),
    responses(
        (status = 200, description = "The chain", body = ChainSummary),
        (status = "4XX", response = crate::openapi::ProblemResponse),
        (status = "5XX", response = crate::openapi::ProblemResponse),
    ),
)]
pub(crate) async fn chain<S: Shelf>(
    State(reading): State<Reading<S>>,
    Reader(caller): Reader,
    Segments(chain): Segments<String>,
) -> Result<Json<ChainSummary>, Refusal> {
    require(&caller, &[Scope::Read, Scope::Verify])?;
    Ok(Json(kept(&reading, &caller, &chain).await?.into()))
}

/// Who asks, out of the extensions.
pub(crate) struct Reader(pub(crate) Caller);

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let caller = parts.extensions.get::<Caller>().cloned();
        caller.map(Self).ok_or_else(|| {
            Refusal::new(
                Reason::Unauthenticated,
                "the request has no valid credential; send one as Authorization: Bearer, or a client certificate",
            )
        })
    }
}

/// One of `scopes` is enough.
fn require(caller: &Caller, scopes: &[Scope]) -> Result<(), Refusal> {
    if scopes.iter().any(|scope| caller.scopes.contains(*scope)) {
        return Ok(());
    }
    let names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
    Err(Refusal::new(
        Reason::Forbidden,
        format!(
            "this needs a credential with the scope {}",
            names.join(" or ")
        ),
    ))
}

/// The chain that a path names.
async fn kept<S: Shelf>(
    reading: &Reading<S>,
    caller: &Caller,
    chain: &str,
) -> Result<KeptChain, Refusal> {
    let id = ChainId::new(chain).map_err(|_| no_such_chain())?;
    reading.shelf.chain(caller, &id).await
}

/// There is no such chain, or it is another tenant's.
#[must_use]
pub fn no_such_chain() -> Refusal {
    Refusal::new(
        Reason::NotFound,
        "this tenant has no such chain; GET /v1/chains lists those that it has. In a path, a chain id is one segment, its \
         slashes written as %2F",
    )
}
