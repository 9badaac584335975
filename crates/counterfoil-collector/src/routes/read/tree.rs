//! Checkpoints, tiles and proofs of the chains that are kept.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use counterfoil::audit::tlog::TiledLog;
use counterfoil::audit::{AccessAction, Error, ErrorKind};
use counterfoil_merkle::tile::Resource;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use parking_lot::Mutex;

use super::super::segments::Segments;
use super::records::{blocking, unreadable};
use super::{KeptChain, Reader, Reading, Shelf, kept, require};
use crate::{Reason, Refusal, Scope};

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// A tile never changes, and is the caller's alone.
const FOR_EVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Logs that are kept open; each remembers where records begin.
const MOST_OPEN: usize = 256;

/// Logs that were asked for, as trees.
#[derive(Debug, Default)]
pub(super) struct Trees(Mutex<HashMap<PathBuf, Arc<TiledLog>>>);

impl Trees {
    fn open(&self, chain: &KeptChain) -> Result<Arc<TiledLog>, Error> {
        if let Some(tree) = self.0.lock().get(&chain.dir) {
            return Ok(Arc::clone(tree));
        }
        let tree = Arc::new(TiledLog::open(&chain.dir)?);
        let mut trees = self.0.lock();
        if trees.len() >= MOST_OPEN {
            trees.clear();
        }
        trees.insert(chain.dir.clone(), Arc::clone(&tree));
        Ok(tree)
    }
}

/// The last checkpoint of a chain with its signatures, those of the collector among them.
#[utoipa::path(
    get, path = "/v1/chains/{chain}/checkpoint", operation_id = "getCheckpoint", tag = "verify",
    params(crate::openapi::ChainParam),
    responses(
        (status = 200, description = "A C2SP checkpoint", body = String, content_type = "text/plain"),
        (status = "4XX", response = crate::openapi::ProblemResponse),
        (status = "5XX", response = crate::openapi::ProblemResponse),
    ),
)]
pub(crate) async fn checkpoint<S: Shelf>(
    State(reading): State<Reading<S>>,
    Reader(caller): Reader,
    Segments(chain): Segments<String>,
) -> Result<Response, Refusal> {
    require(&caller, &[Scope::Verify])?;
    serve(&reading, &caller, &chain, Resource::Checkpoint).await
}

/// A tile of the tree of a chain's last checkpoint, or a bundle of its entries.
#[utoipa::path(
    get, path = "/v1/chains/{chain}/tile/{tile}", operation_id = "getTile", tag = "verify",
    params(crate::openapi::ChainParam, crate::openapi::TileParam),
    responses(
        (status = 200, description = "Hashes or entries, as C2SP tlog-tiles has them", body = Vec<u8>,
            content_type = "application/octet-stream"),
        (status = "4XX", response = crate::openapi::ProblemResponse),
        (status = "5XX", response = crate::openapi::ProblemResponse),
    ),
)]
pub(crate) async fn tile<S: Shelf>(
    State(reading): State<Reading<S>>,
    Reader(caller): Reader,
    Segments((chain, tile)): Segments<(String, String)>,
) -> Result<Response, Refusal> {
    let resource = format!("tile/{tile}").parse::<Resource>();
    let scope = match resource {
        Ok(Resource::Entries(_)) => Scope::Read,
        _ => Scope::Verify,
    };
    require(&caller, &[scope])?;
    let resource = resource.map_err(|_| no_such_resource())?;
    serve(&reading, &caller, &chain, resource).await
}

/// A receipt for one record: the proof that it is under the last checkpoint.
#[utoipa::path(
    get, path = "/v1/chains/{chain}/proof/{seq}", operation_id = "getProof", tag = "verify",
    params(crate::openapi::ChainParam, crate::openapi::SeqParam),
    responses(
        (status = 200, description = "A C2SP tlog-proof", body = String, content_type = "text/plain"),
        (status = "4XX", response = crate::openapi::ProblemResponse),
        (status = "5XX", response = crate::openapi::ProblemResponse),
    ),
)]
pub(crate) async fn proof<S: Shelf>(
    State(reading): State<Reading<S>>,
    Reader(caller): Reader,
    Segments((chain, seq)): Segments<(String, String)>,
) -> Result<Response, Refusal> {
    require(&caller, &[Scope::Verify])?;
    let plain = seq.bytes().all(|byte| byte.is_ascii_digit());
    let seq: u64 = seq.parse().ok().filter(|_| plain).ok_or_else(|| {
        Refusal::new(Reason::Grammar, "the number of a record is decimal, from 1")
    })?;
    let chain = kept(&reading, &caller, &chain).await?;
    let trees = Arc::clone(&reading.trees);
    let place = reading.readers.enter(&caller.tenant)?;
    let proof = blocking(move || {
        let _place = place;
        require_kept(&chain)?;
        let tree = trees.open(&chain).map_err(|error| failed(&error))?;
        tree.prove(seq).map_err(|error| failed(&error))
    })
    .await?;
    let headers = [(CONTENT_TYPE, PLAIN), (CACHE_CONTROL, NO_STORE)];
    Ok((headers, proof.to_text()).into_response())
}

/// A resource of the tree under the last checkpoint.
async fn serve<S: Shelf>(
    reading: &Reading<S>,
    caller: &crate::Caller,
    chain: &str,
    resource: Resource,
) -> Result<Response, Refusal> {
    let chain = kept(reading, caller, chain).await?;
    let id = chain.id.clone();
    let trees = Arc::clone(&reading.trees);
    let place = reading.readers.enter(&caller.tenant)?;
    let (body, content, cache) = blocking(move || {
        let _place = place;
        require_kept(&chain)?;
        let found = || {
            let tree = trees.open(&chain)?;
            // Read each time: it says how much of the chain is published.
            let Some(published) = tree.checkpoint()? else {
                return Ok(None);
            };
            let size = published.checkpoint.size();
            Ok(match resource {
                Resource::Checkpoint => {
                    let note = published.note.to_text().into_bytes();
                    Some((note, PLAIN, NO_STORE))
                }
                Resource::Tile(tile) => tree.tile(tile, size)?.map(|tile| (tile, OCTETS, FOR_EVER)),
                Resource::Entries(bundle) => tree
                    .bundle(bundle, size)?
                    .map(|bundle| (bundle, OCTETS, FOR_EVER)),
            })
        };
        found()
            .map_err(|error| failed(&error))?
            .ok_or_else(no_such_resource)
    })
    .await?;
    if matches!(resource, Resource::Entries(_)) {
        reading.shelf.note_access(caller, &id, AccessAction::Read);
    }
    let headers = [(CONTENT_TYPE, content), (CACHE_CONTROL, cache)];
    Ok((headers, body).into_response())
}

/// Before the first record there is no directory.
fn require_kept(chain: &KeptChain) -> Result<(), Refusal> {
    if chain.durable.is_some() {
        return Ok(());
    }
    Err(no_such_resource())
}

fn no_such_resource() -> Refusal {
    Refusal::new(
        Reason::NotFound,
        "the chain has no such resource; its checkpoint says how far its tree reaches, and a chain without signatures has none",
    )
}

/// What a client is told: no path of this machine.
fn failed(error: &Error) -> Refusal {
    match error.kind() {
        ErrorKind::Missing => Refusal::new(
            Reason::NotFound,
            "no checkpoint covers that yet, or retention has taken it; ask again after the next checkpoint",
        ),
        _ => unreadable(error),
    }
}
