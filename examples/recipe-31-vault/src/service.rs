//! The routes of a vault, and the layers around them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Extension, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use counterfoil::audit::Object;
use counterfoil::health::Health;
use counterfoil::tower::axum::matched_path;
use counterfoil::tower::{ErrorCode, Producer, ServerLayer};
use counterfoil::{Current, DomainRecord, ExtensionKind, InContext, Observer, OpType};
use serde_json::{Value, json};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tracing::Instrument;

use crate::address::Address;
use crate::errors::{
    ADDRESS_MISMATCH, FORBIDDEN, Failure, MALFORMED, NO_ROUTE, NOT_SEALED, OVERLOADED, STORAGE,
    TIMEOUT, UNAUTHENTICATED, UNKNOWN_OBJECT,
};
use crate::metrics::Metrics;
use crate::principals::{Caller, Principals, Role};
use crate::query::{self, Parameters};
use crate::store::{About, Headers, Store};

/// The largest object.
const MOST_BYTES: usize = 8 << 20;
/// Requests that may be under way at once, and what their bodies may hold together; so may the objects that are sent.
const MOST_REQUESTS: usize = 256;
const MOST_IN_FLIGHT: usize = 64 << 20;
/// How long a request may take.
const LONGEST: Duration = Duration::from_secs(10);

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) store: Store,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) observer: Observer,
    pub(crate) state: Arc<crate::state::State>,
    pub(crate) principals: Principals,
    /// Puts objects into the queue for the peer, where there is one.
    pub(crate) replication: Option<Producer>,
    pub(crate) put: Arc<Notify>,
    pub(crate) health: Health,
    pub(crate) places: Arc<Places>,
    pub(crate) kinds: Arc<Kinds>,
}

/// The kinds of records of a vault's own.
#[derive(Debug)]
pub(crate) struct Kinds {
    put: ExtensionKind,
    replicated: ExtensionKind,
    pub(crate) set_aside: ExtensionKind,
}

impl Kinds {
    pub(crate) fn new() -> Result<Self, Box<dyn std::error::Error>> {
        Ok(Self {
            put: "vault.object_put".parse()?,
            replicated: "vault.object_replicated".parse()?,
            set_aside: "vault.object_set_aside".parse()?,
        })
    }
}

/// Places for requests, and for the bytes of their bodies and of the objects that are sent.
#[derive(Debug)]
pub(crate) struct Places {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    answers: Arc<Semaphore>,
}

/// What a request takes of them until its work is done, which may be later than its answer.
#[derive(Clone)]
struct Taken {
    _places: Arc<[OwnedSemaphorePermit; 2]>,
}

impl Places {
    /// One place, and room for a body of so many bytes.
    fn take(&self, bytes: u32) -> Result<Taken, TryAcquireError> {
        let place = Arc::clone(&self.requests).try_acquire_owned()?;
        let room = Arc::clone(&self.bytes).try_acquire_many_owned(bytes)?;
        Ok(Taken {
            _places: Arc::new([place, room]),
        })
    }

    /// Room for an object until it was sent, however slowly somebody reads it.
    fn for_answer(&self, bytes: u64) -> Result<OwnedSemaphorePermit, Failure> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.answers).try_acquire_many_owned(bytes);
        room.map_err(|_| OVERLOADED.into())
    }
}

/// An object on its way to whoever got it, and the room that it takes.
struct Answer {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Default for Places {
    fn default() -> Self {
        Self {
            requests: Arc::new(Semaphore::new(MOST_REQUESTS)),
            bytes: Arc::new(Semaphore::new(MOST_IN_FLIGHT)),
            answers: Arc::new(Semaphore::new(MOST_IN_FLIGHT)),
        }
    }
}

/// The routes. The layer of Counterfoil is outermost, so that whatever is refused further in is still in its trace and counted.
pub(crate) fn router(service: Service) -> Router {
    let principals = service.principals.clone();
    let observed = ServerLayer::builder(service.observer.registry())
        .routes(matched_path)
        .identity(move |request| principals.identity(request))
        .http();
    Router::new()
        .route("/v1/objects", post(put_object))
        .route("/v1/objects/{address}", get(get_object))
        .route("/v1/soup", get(query_soup))
        .route("/v1/replicas/{address}", put(put_replica))
        .route("/v1/peer", get(answer_peer))
        .fallback(async || NO_ROUTE)
        .method_not_allowed_fallback(async || NO_ROUTE)
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(from_fn_with_state(service.clone(), guard))
        .layer(from_fn_with_state(service.clone(), count_errors))
        .layer(observed)
        .with_state(service)
}

async fn put_object(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    Extension(taken): Extension<Taken>,
    Query(parameters): Query<Parameters>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let bytes = body?;
    let about = query::about(parameters)?;
    let (size, kind) = (bytes.len() as u64, about.kind.clone());
    let before = service.state.clock.ticks().0;
    let storing = service.clone();
    let stored = to_its_end(taken, async move {
        let stored = storing.put_and_enqueue(bytes, about).await?;
        // Each put is sealed, not the first alone: that one may have been cut off before its record.
        let put = &storing.kinds.put;
        storing.seal(put, stored.0, &kind, size).await?;
        Ok(stored)
    });
    let (address, is_new) = stored.await?;
    let took = service.since(before);
    service.metrics.put.increment();
    service.metrics.put_bytes.add(size);
    let trace = Current::get();
    let trace = trace.as_ref().and_then(|it| it.trace());
    service
        .metrics
        .put_duration
        .record_duration_with(took, trace);
    service
        .observer
        .operation_with(&Current, OpType::Write, took, size);
    caller.operations.increment();
    // Neither of the two is shown as it is: `hash` is redacted, `principal` becomes a pseudonym.
    tracing::info!(hash = %address, principal = &*caller.name, size, "object stored");
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((
        status,
        Json(json!({"address": address.to_string(), "bytes": size})),
    ))
}

async fn get_object(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    address: Result<Path<String>, PathRejection>,
) -> Result<Bytes, Failure> {
    let address: Address = address?.parse()?;
    let before = service.state.clock.ticks().0;
    let entry = service.store.entry(address).await?.ok_or(UNKNOWN_OBJECT)?;
    let room = service.places.for_answer(entry.bytes)?;
    let bytes = service.store.get(address).await?;
    let (took, size) = (service.since(before), bytes.len() as u64);
    service.metrics.get.increment();
    service.metrics.get_bytes.add(size);
    let trace = Current::get();
    let trace = trace.as_ref().and_then(|it| it.trace());
    service
        .metrics
        .get_duration
        .record_duration_with(took, trace);
    service
        .observer
        .operation_with(&Current, OpType::Read, took, size);
    caller.operations.increment();
    Ok(Bytes::from_owner(Answer { bytes, _room: room }))
}

async fn query_soup(
    State(service): State<Service>,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Value>, Failure> {
    let wanted = query::wanted(parameters)?;
    let before = service.state.clock.ticks().0;
    let entries = service.store.query(wanted).await?;
    service.metrics.queries.increment();
    let took = service.since(before);
    service.metrics.queries_duration.record_duration(took);
    Ok(Json(json!({ "objects": entries })))
}

/// A replica keeps what was said about the object, and goes to no further peer.
async fn put_replica(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    Extension(taken): Extension<Taken>,
    address: Result<Path<String>, PathRejection>,
    Query(parameters): Query<Parameters>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Failure> {
    only_peers(&caller)?;
    let bytes = body?;
    let address: Address = address?.parse()?;
    if Address::of(&bytes) != address {
        return Err(ADDRESS_MISMATCH.into());
    }
    let about = query::about(parameters)?;
    let (size, kind) = (bytes.len() as u64, about.kind.clone());
    let stored = to_its_end(taken, async move {
        let (_, is_new) = service.store.put(bytes, about, None).await?;
        let replicated = &service.kinds.replicated;
        service.seal(replicated, address, &kind, size).await?;
        Ok(is_new)
    });
    let is_new = stored.await?;
    tracing::info!(hash = %address, size, is_new, "replica stored");
    Ok(if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    })
}

async fn answer_peer(Extension(caller): Extension<Caller>) -> Result<StatusCode, Failure> {
    only_peers(&caller)?;
    Ok(StatusCode::OK)
}

/// Runs what stores and seals to its end, even if whoever asked for it goes away meanwhile; until then it has its place.
async fn to_its_end<T: Send + 'static>(
    taken: Taken,
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    let work = async move {
        let done = work.await;
        drop(taken);
        done
    };
    let work = tokio::spawn(work.in_current_span().in_current_context());
    work.await
        .map_err(|error| Failure::because(STORAGE, error))?
}

fn only_peers(caller: &Caller) -> Result<(), Failure> {
    if caller.role == Role::Peer {
        return Ok(());
    }
    Err(FORBIDDEN.into())
}

impl Service {
    /// Stores an object; a new one waits for the peer from the same transaction on, with the trace of this request.
    async fn put_and_enqueue(
        &self,
        bytes: Bytes,
        about: About,
    ) -> Result<(Address, bool), Failure> {
        let Some(producer) = &self.replication else {
            return self.store.put(bytes, about, None).await;
        };
        let mut headers = Headers::new();
        if let Some(request) = Current::get().and_then(|it| it.request().copied()) {
            headers.push(("correlation-id".to_owned(), request.to_string()));
        }
        let put = producer.send(headers, |headers| {
            self.store.put(bytes, about, Some(headers))
        });
        let stored = put.await?;
        self.put.notify_one();
        Ok(stored)
    }

    /// Seals that an object came, and waits until that is on stable storage.
    async fn seal(
        &self,
        kind: &ExtensionKind,
        address: Address,
        object_kind: &str,
        size: u64,
    ) -> Result<(), Failure> {
        let mut data = Object::new();
        let filled = data
            .insert("address", address.to_string())
            .and_then(|_| data.insert("type", object_kind))
            .and_then(|_| data.insert("size", size.to_string()));
        filled.map_err(|error| Failure::because(NOT_SEALED, error))?;
        let record = DomainRecord::new(kind, data).value(size);
        let sealed = self.observer.record(&Current, record).durable().await;
        sealed.map_err(|error| Failure::because(NOT_SEALED, error))
    }

    fn since(&self, before: u64) -> Duration {
        Duration::from_nanos(self.state.clock.ticks().0.saturating_sub(before))
    }
}

/// Lets in those who have a key, not too many at once and not for too long.
async fn guard(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Result<Response, ErrorCode> {
    let (mut parts, body) = request.into_parts();
    let caller = service.principals.of(&parts).ok_or(UNAUTHENTICATED)?;
    parts.extensions.insert(caller.clone());
    // A body that does not say how long it is takes the place of the longest.
    let most = body.size_hint().upper().unwrap_or(u64::MAX);
    let most = u32::try_from(most.min(MOST_BYTES as u64)).unwrap_or(u32::MAX);
    let taken = service.places.take(most).map_err(|_| OVERLOADED)?;
    parts.extensions.insert(taken.clone());
    let answered = next.run(Request::from_parts(parts, body));
    let answered = tokio::time::timeout(LONGEST, answered).await;
    drop(taken);
    answered.map_err(|_| TIMEOUT)
}

/// Counts answers that are errors, by their code, and shows those that are the vault's own on the status page.
async fn count_errors(State(service): State<Service>, request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    let code = answer.extensions().get::<ErrorCode>().copied();
    // What the framework refuses by itself, such as a query that is none, has no code of ours.
    let refused = answer.status().is_client_error() || answer.status().is_server_error();
    if let Some(code) = code.or_else(|| refused.then_some(MALFORMED)) {
        service.metrics.failed(code.as_str());
        service.state.errors.count(service.state.clock.ticks());
        if code.http_status() >= 500 {
            service.health.record_error("request", code.to_string());
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_takes_room_until_nobody_sends_it_any_more() {
        let places = Places::default();
        let room = places.for_answer(MOST_IN_FLIGHT as u64).unwrap();
        let sent = Bytes::from_owner(Answer {
            bytes: Bytes::from_static(b"hello"),
            _room: room,
        });
        let rest = sent.slice(3..);
        drop(sent);
        assert_eq!(places.for_answer(1).unwrap_err().code(), OVERLOADED);
        drop(rest);
        assert!(places.for_answer(1).is_ok());
    }

    #[tokio::test]
    async fn a_put_has_its_place_until_its_work_is_done_though_nobody_waits_for_it() {
        let places = Places::default();
        let taken = places.take(MOST_IN_FLIGHT as u32).unwrap();
        let (finish, finished) = tokio::sync::oneshot::channel::<()>();
        let work = to_its_end(taken, async { Ok(finished.await.ok()) });
        let waited = tokio::time::timeout(Duration::ZERO, work).await;
        assert!(waited.is_err());
        assert!(places.take(1).is_err());

        finish.send(()).unwrap();
        let freed = places.bytes.acquire_many(MOST_IN_FLIGHT as u32);
        let freed = tokio::time::timeout(Duration::from_secs(60), freed).await;
        assert!(freed.unwrap().is_ok());
    }
}
