//! Taking records in over HTTP: register a chain, ask for its head, extend it.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use axum::{Json, Router};
use bytes::Bytes;
use counterfoil::signer::VerifierKey;
use counterfoil::{ChainId, Digest, Head};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, Limited};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::read::Reader;
use super::segments::Segments;
use crate::body::{BodyLimits, Decoded, broken};
use crate::{Ack, Caller, ChainEntry, Collector, Reason, Refusal};

/// What a registration may be long.
const MAX_REGISTRATION: usize = 8 << 10;

/// `PUT`, `GET` and `POST /v1/audit/{chain}`, for callers whose [`Caller`] is in the request's extensions. The chain id is one segment of
/// the path, percent-encoded: `/v1/audit/audit.example.com%2Fleases%2F1`.
///
/// Bodies are decoded here, within `limits`; who puts a smaller limit around these routes puts it around what comes encoded.
pub fn ingest(collector: Collector, limits: BodyLimits) -> Router {
    let methods: MethodRouter<Ingest> = get(head).put(register).post(extend);
    Router::new()
        .route("/v1/audit/{chain}", methods)
        .with_state(Ingest { collector, limits })
}

#[derive(Clone, Debug)]
pub(crate) struct Ingest {
    collector: Collector,
    limits: BodyLimits,
}

/// The body of `PUT`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registration {
    /// The C2SP verifier key of the log, or `null` for a chain that is not signed; never left out by mistake.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required)]
    verifier_key: Option<String>,
}

/// The answer to `PUT`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Registered {
    chain: String,
    tenant: String,
    verifier_key: Option<String>,
    registered_at: String,
}

/// The answer to `GET`: the head to go on from; number 0 and the zero hash before the first record. What is answered is durable.
#[derive(Serialize, ToSchema)]
pub(crate) struct HeadAnswer {
    chain: String,
    seq: u64,
    hash: String,
    durable: u64,
}

/// The answer to `POST`.
#[derive(Serialize, ToSchema)]
pub(crate) struct AckAnswer {
    acknowledged: u64,
    hash: String,
    stored: u64,
    known: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cosignature: Option<String>,
}

/// Binds a chain to the tenant of the credential and to a key; once and for all.
#[utoipa::path(
    put, path = "/v1/audit/{chain}", operation_id = "registerChain", tag = "ingest",
    params(crate::openapi::ChainParam),
    request_body(content = Registration, content_type = "application/json"),
    responses(
        (status = 200, description = "It is registered, now or before", body = Registered),
        (status = "4XX", response = crate::openapi::ProblemResponse),
        (status = "5XX", response = crate::openapi::ProblemResponse),
    ),
)]
pub(crate) async fn register(
    State(ingest): State<Ingest>,
    Reader(caller): Reader,
    Segments(chain): Segments<String>,
    body: Body,
) -> Result<Json<Registered>, Refusal> {
    let chain = chain_of(&chain)?;
    let body = Limited::new(body, MAX_REGISTRATION)
        .collect()
        .await
        .map_err(|error| broken(&*error))?;
    let key = key_of(&body.to_bytes())?;
    let collector = ingest.collector;
    // It waits for the disk.
    let registered =
        tokio::task::spawn_blocking(move || collector.register(&caller, &chain, key)).await;
    let entry = registered.map_err(|_| {
        Refusal::new(
            Reason::Internal,
            "the registration came to no end; try again",
        )
    })??;
    Ok(Json(entry.into()))
}

/// The durable head of a chain, to go on from.
#[utoipa::path(
    get, path = "/v1/audit/{chain}", operation_id = "getHead", tag = "ingest",
    params(crate::openapi::ChainParam),
    responses(
        (status = 200, description = "The head", body = HeadAnswer),
        (status = "4XX", response = crate::openapi::ProblemResponse),
        (status = "5XX", response = crate::openapi::ProblemResponse),
    ),
)]
pub(crate) async fn head(
    State(ingest): State<Ingest>,
    Reader(caller): Reader,
    Segments(chain): Segments<String>,
) -> Result<Json<HeadAnswer>, Refusal> {
    let chain = chain_of(&chain)?;
    let head = ingest.collector.head(&caller, &chain).await?;
    Ok(Json(HeadAnswer::of(&chain, head)))
}

/// Extends a chain by sealed lines, and lines `{"checkpoint":"<signed note>"}`. What is answered is durable.
#[utoipa::path(
    post, path = "/v1/audit/{chain}", operation_id = "extendChain", tag = "ingest",
    params(crate::openapi::ChainParam),
    request_body(content = String, content_type = "application/x-ndjson", description = "Identity, gzip or zstd by Content-Encoding"),
    responses(
        (status = 200, description = "All of it is durable", body = AckAnswer),
        (status = "4XX", response = crate::openapi::ProblemResponse),
        (status = "5XX", response = crate::openapi::ProblemResponse),
    ),
)]
pub(crate) async fn extend(
    State(ingest): State<Ingest>,
    Reader(caller): Reader,
    Segments(chain): Segments<String>,
    request: Request,
) -> Response {
    let taken = async {
        let chain = chain_of(&chain)?;
        let (parts, body) = request.into_parts();
        check_type(&parts.headers)?;
        let body = Decoded::new(&parts.headers, body, ingest.limits)?;
        take(&ingest.collector, &caller, &chain, body).await
    };
    match taken.await {
        Ok(ack) => Json(AckAnswer::from(ack)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// Takes the body, line by line, and answers when it is durable.
async fn take(
    collector: &Collector,
    caller: &Caller,
    chain: &ChainId,
    mut body: Decoded,
) -> Result<Ack, Refusal> {
    let mut upload = collector.upload(caller, chain)?;
    while let Some(frame) = body.frame().await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(piece)) => upload.push(piece).await?,
            // Trailers say nothing here.
            Ok(Err(_)) => {}
            Err(refusal) => return Err(upload.fail(refusal).await),
        }
    }
    upload.finish().await
}

fn chain_of(text: &str) -> Result<ChainId, Refusal> {
    ChainId::new(text).map_err(|error| Refusal::new(Reason::Grammar, error.to_string()))
}

fn key_of(body: &Bytes) -> Result<Option<VerifierKey>, Refusal> {
    let grammar = |why: String| Refusal::new(Reason::Grammar, why);
    let registration: Registration = serde_json::from_slice(body).map_err(|error| {
        grammar(format!(
            "the body is no registration ({error}); one looks like {{\"verifier_key\":\"<name>+<id>+<key>\"}}, with null for a chain that is not signed"
        ))
    })?;
    match registration.verifier_key {
        None => Ok(None),
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|error: counterfoil_merkle::Error| grammar(error.to_string())),
    }
}

/// What a browser's form or a forgotten flag of `curl` sends is not taken for records.
fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let media = value.to_str().unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if ["application/x-ndjson", "application/jsonl"]
        .iter()
        .any(|taken| media.eq_ignore_ascii_case(taken))
    {
        return Ok(());
    }
    Err(Refusal::new(
        Reason::UnsupportedEncoding,
        "the content type is none that is taken; send records as `Content-Type: application/x-ndjson`, one sealed line after the other",
    ))
}

impl From<ChainEntry> for Registered {
    fn from(entry: ChainEntry) -> Self {
        Self {
            chain: entry.chain.to_string(),
            tenant: entry.tenant.to_string(),
            verifier_key: entry.verifier_key.as_ref().map(ToString::to_string),
            registered_at: entry.registered_at.to_string(),
        }
    }
}

impl HeadAnswer {
    fn of(chain: &ChainId, head: Option<Head>) -> Self {
        let (seq, hash) = head.map_or((0, Digest::ZERO), |head| (head.seq, head.hash));
        Self {
            chain: chain.to_string(),
            seq,
            hash: hash.to_string(),
            durable: seq,
        }
    }
}

impl From<Ack> for AckAnswer {
    fn from(ack: Ack) -> Self {
        Self {
            acknowledged: ack.acknowledged,
            hash: ack.hash.to_string(),
            stored: ack.stored,
            known: ack.known,
            cosignature: ack.cosignature,
        }
    }
}
