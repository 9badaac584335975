//! The six calls of the service.

use bytes::Bytes;
use counterfoil::tower::ErrorCode;
use tonic::{Request, Response, Status};
use tracing::Instrument;

use crate::admission::admitted;
use crate::call::Call;
use crate::chunks::Chunks;
use crate::engine::{Engine, Put};
use crate::errors::ADDRESS_INVALID;
use crate::proto::deriva_server::Deriva;
use crate::proto::resolve_response::Kind;
use crate::proto::{
    GetRequest, Leaf, PutLeafRequest, PutRecipeRequest, PutResponse, Recipe as RecipeMessage,
    ResolveRequest, ResolveResponse, StatusRequest, StatusResponse, VerifyRequest, VerifyResponse,
};
use crate::store::Node;
use crate::{CAddr, Recipe};

/// The service over an engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Service {
    engine: Engine,
}

impl Service {
    /// A service whose calls are let in by [`serve`](crate::serve).
    #[must_use]
    pub const fn new(engine: Engine) -> Self {
        Self { engine }
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }
}

#[tonic::async_trait]
impl Deriva for Service {
    type GetStream = Chunks;

    async fn put_leaf(
        &self,
        request: Request<PutLeafRequest>,
    ) -> Result<Response<PutResponse>, Status> {
        let (call, message) = admitted(request)?;
        let work = async { self.engine.put_leaf(message.data).await.map(put_response) };
        answer(call, None, work).await
    }

    async fn put_recipe(
        &self,
        request: Request<PutRecipeRequest>,
    ) -> Result<Response<PutResponse>, Status> {
        let (call, message) = admitted(request)?;
        let work = async {
            let recipe = recipe_of(message)?;
            self.engine.put_recipe(recipe).await.map(put_response)
        };
        answer(call, None, work).await
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Chunks>, Status> {
        let (mut call, message) = admitted(request)?;
        let address = CAddr::from_slice(&message.address);
        if let Some(address) = address {
            call.about(address);
        }
        let span = call.span().clone();
        let work = async { self.engine.get(address.ok_or(ADDRESS_INVALID)?).await };
        match work.instrument(span).await {
            Ok(value) => Ok(Response::new(Chunks::new(
                value,
                call,
                &self.engine.0.limits,
            ))),
            Err(code) => {
                call.end(Err(code));
                Err(code.into())
            }
        }
    }

    async fn resolve(
        &self,
        request: Request<ResolveRequest>,
    ) -> Result<Response<ResolveResponse>, Status> {
        let (call, message) = admitted(request)?;
        let address = CAddr::from_slice(&message.address);
        let work = async {
            let resolved = self.engine.resolve(address.ok_or(ADDRESS_INVALID)?);
            let (node, cached) = resolved.await?;
            Ok(resolve_response(node, cached))
        };
        answer(call, address, work).await
    }

    async fn verify(
        &self,
        request: Request<VerifyRequest>,
    ) -> Result<Response<VerifyResponse>, Status> {
        let (call, message) = admitted(request)?;
        let address = CAddr::from_slice(&message.address);
        let work = async {
            let verified = self.engine.verify(address.ok_or(ADDRESS_INVALID)?).await?;
            Ok(VerifyResponse {
                passed: verified.passed(),
                expected: Bytes::copy_from_slice(verified.expected.as_bytes()),
                actual: Bytes::copy_from_slice(verified.actual.as_bytes()),
            })
        };
        answer(call, address, work).await
    }

    async fn status(
        &self,
        request: Request<StatusRequest>,
    ) -> Result<Response<StatusResponse>, Status> {
        let (call, _) = admitted(request)?;
        let work = async { Ok(status_response(&self.engine)) };
        answer(call, None, work).await
    }
}

/// Answers a call that has one message for an answer.
async fn answer<T>(
    mut call: Call,
    address: Option<CAddr>,
    work: impl Future<Output = Result<T, ErrorCode>>,
) -> Result<Response<T>, Status> {
    if let Some(address) = address {
        call.about(address);
    }
    let span = call.span().clone();
    let outcome = work.instrument(span).await;
    call.end(outcome.as_ref().map(|_| ()).map_err(|code| *code));
    Ok(Response::new(outcome?))
}

fn put_response(put: Put) -> PutResponse {
    PutResponse {
        address: bytes_of(put.address),
        created: put.created,
    }
}

fn recipe_of(message: PutRecipeRequest) -> Result<Recipe, ErrorCode> {
    let inputs: Option<Vec<_>> = message
        .inputs
        .iter()
        .map(|it| CAddr::from_slice(it))
        .collect();
    Ok(Recipe {
        function: message.function,
        inputs: inputs.ok_or(ADDRESS_INVALID)?,
        parameters: message.parameters.into_iter().collect(),
    })
}

fn resolve_response(node: Node, cached: bool) -> ResolveResponse {
    let depth = node.depth();
    let kind = match node {
        Node::Leaf { size } => Kind::Leaf(Leaf { size }),
        Node::Recipe(stored) => Kind::Recipe(RecipeMessage {
            function: stored.recipe.function,
            inputs: stored.recipe.inputs.into_iter().map(bytes_of).collect(),
            parameters: stored.recipe.parameters.into_iter().collect(),
            output: stored
                .output
                .map_or_else(Bytes::new, |it| Bytes::copy_from_slice(it.as_bytes())),
        }),
    };
    ResolveResponse {
        kind: Some(kind),
        depth,
        cached,
    }
}

fn status_response(engine: &Engine) -> StatusResponse {
    let shared = &engine.0;
    let (counts, (cache_entries, cache_bytes)) = (shared.store.counts(), shared.cache.size());
    StatusResponse {
        leaves: counts.leaves,
        recipes: counts.recipes,
        blob_bytes: counts.blob_bytes,
        cache_entries,
        cache_bytes,
        uptime_seconds: engine.uptime().as_secs_f64(),
        functions: shared.functions.names().map(str::to_owned).collect(),
    }
}

fn bytes_of(address: CAddr) -> Bytes {
    Bytes::copy_from_slice(address.as_bytes())
}
