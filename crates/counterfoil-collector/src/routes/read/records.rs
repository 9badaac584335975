//! `/v1/chains/{id}/records`: the lines of records that meet a filter.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use counterfoil::audit::AccessAction;
use counterfoil_query::{Filter, Next, Search};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use http_body::Frame;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::super::segments::Segments;
use super::bounds::Place;
use super::{KeptChain, Reader, Reading, Shelf, kept, require};
use crate::{Reason, Refusal, Scope};

/// Records of one answer when the request does not say.
const USUAL: usize = 10_000;
/// Records of one answer at most.
const MOST: usize = 100_000;
/// The longest wait, in seconds.
const LONGEST: u64 = 30;
/// How often is looked for what became durable.
const PERIOD: Duration = Duration::from_millis(100);
/// Lines are handed over in pieces of about this many bytes, and two pieces wait at most.
const PIECE: usize = 64 << 10;
/// How long a client may take for a piece while two others wait. It holds a thread, and its tenant one of a few places.
const TAKE: Duration = Duration::from_secs(30);

/// Everything that matches up to this record is in the answer, unless it has as many records as the limit allows.
pub(crate) const UP_TO: HeaderName = HeaderName::from_static("counterfoil-up-to");

/// Records that meet a filter: the lines of the log byte for byte, in its order.
#[utoipa::path(
    get, path = "/v1/chains/{chain}/records", operation_id = "getRecords", tag = "read",
    params(crate::openapi::ChainParam, crate::openapi::RecordParams),
    responses(
        (status = 200, description = "Lines of the log. To go on, ask `after` the last one; after none, or fewer than the \
            limit, `after` the record in the header Counterfoil-Up-To.",
            body = String, content_type = "application/x-ndjson",
            headers(("Counterfoil-Up-To" = u64, description = "Everything that matches up to this record is in the answer, unless \
                it has as many records as the limit allows"))),
        (status = "4XX", response = crate::openapi::ProblemResponse),
        (status = "5XX", response = crate::openapi::ProblemResponse),
    ),
)]
pub(crate) async fn records<S: Shelf>(
    State(reading): State<Reading<S>>,
    Reader(caller): Reader,
    Segments(chain): Segments<String>,
    query: Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Refusal> {
    require(&caller, &[Scope::Read])?;
    let Query(pairs) = query.map_err(|why| Refusal::new(Reason::Grammar, why.body_text()))?;
    let asked = Asked::of(&pairs)?;
    let deadline = Instant::now() + asked.wait;
    let mut chain = kept(&reading, &caller, &chain).await?;
    let mut search: Option<Search> = None;
    loop {
        let up_to = chain.durable.as_ref().map_or(0, |head| head.seq);
        let place = reading.readers.enter(&caller.tenant)?;
        let mut pieces = Pieces {
            search: extended(search.take(), &asked, &chain, up_to)?,
            left: asked.limit,
            up_to,
            _place: place,
        };
        let (first, pieces) = blocking(move || Ok((pieces.piece()?, pieces))).await?;
        let all = asked.filter.last.is_some_and(|last| last <= up_to);
        if !first.is_empty() || all || Instant::now() >= deadline {
            reading
                .shelf
                .note_access(&caller, &chain.id, AccessAction::Read);
            return Ok(answer(first, pieces));
        }
        search = pieces.rest();
        chain = wait(&reading, &caller, &chain, up_to, deadline).await?;
    }
}

/// Waits until more is durable than `up_to`, or for the deadline.
async fn wait<S: Shelf>(
    reading: &Reading<S>,
    caller: &crate::Caller,
    chain: &KeptChain,
    up_to: u64,
    deadline: Instant,
) -> Result<KeptChain, Refusal> {
    loop {
        tokio::time::sleep_until(deadline.min(Instant::now() + PERIOD)).await;
        let now = reading.shelf.chain(caller, &chain.id).await?;
        let more = now.durable.as_ref().is_some_and(|head| head.seq > up_to);
        if more || Instant::now() >= deadline {
            return Ok(now);
        }
    }
}

/// What a request asks for.
#[derive(Debug)]
struct Asked {
    filter: Filter,
    limit: usize,
    wait: Duration,
}

impl Asked {
    fn of(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let grammar = |detail: String| Refusal::new(Reason::Grammar, detail);
        let (mut limit, mut wait) = (None, None);
        let mut filter = Filter::default();
        for (name, value) in pairs {
            match name.as_str() {
                "limit" => once(&mut limit, name, value, 1..=MOST as u64)?,
                "wait" => once(&mut wait, name, value, 0..=LONGEST)?,
                _ => {
                    let known = filter
                        .set(name, value)
                        .map_err(|error| grammar(error.to_string()))?;
                    if !known {
                        return Err(grammar(format!(
                            "there is no parameter {name}; /v1/openapi.json lists those that there are"
                        )));
                    }
                }
            }
        }
        Ok(Self {
            filter,
            limit: limit.map_or(USUAL, |limit| usize::try_from(limit).unwrap_or(MOST)),
            wait: Duration::from_secs(wait.unwrap_or(0)),
        })
    }
}

fn once(
    slot: &mut Option<u64>,
    name: &str,
    value: &str,
    range: std::ops::RangeInclusive<u64>,
) -> Result<(), Refusal> {
    let plain = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse().ok();
    let fits = number.filter(|number| plain && slot.is_none() && range.contains(number));
    *slot = Some(fits.ok_or_else(|| {
        Refusal::new(
            Reason::Grammar,
            format!(
                "the parameter {name} is one number from {} to {}",
                range.start(),
                range.end()
            ),
        )
    })?);
    Ok(())
}

/// The search of the first look, or the one that goes on now that more is durable.
fn extended(
    search: Option<Search>,
    asked: &Asked,
    chain: &KeptChain,
    up_to: u64,
) -> Result<Started, Refusal> {
    let last = asked.filter.last.map_or(up_to, |last| last.min(up_to));
    Ok(match search {
        Some(mut search) => {
            search.extend_to(last);
            Started::Open(Box::new(search))
        }
        None => {
            let mut filter = asked.filter.clone();
            filter.last = Some(last);
            Started::Not(chain.dir.clone(), Box::new(filter))
        }
    })
}

/// A search, opened where it may block.
#[derive(Debug)]
enum Started {
    Not(std::path::PathBuf, Box<Filter>),
    Open(Box<Search>),
}

/// What is sent, piece by piece.
#[derive(Debug)]
struct Pieces {
    search: Started,
    left: usize,
    up_to: u64,
    _place: Place,
}

impl Pieces {
    /// The next lines, none when there are no more. It blocks.
    fn piece(&mut self) -> Result<Bytes, Refusal> {
        if self.up_to == 0 {
            // There may not even be a directory.
            return Ok(Bytes::new());
        }
        if let Started::Not(dir, filter) = &mut self.search {
            let filter = std::mem::take(filter.as_mut());
            let search = Search::open(dir, filter).map_err(|error| unreadable(&error))?;
            self.search = Started::Open(Box::new(search));
        }
        let Started::Open(search) = &mut self.search else {
            return Ok(Bytes::new());
        };
        let mut bytes = Vec::new();
        while self.left > 0 && bytes.len() < PIECE {
            match search.read().map_err(|error| unreadable(&error))? {
                Next::Record(record) => {
                    bytes.extend_from_slice(record.line());
                    self.left -= 1;
                }
                Next::Malformed { place, why } => {
                    return Err(unreadable(&format!("{place}: {why}")));
                }
                Next::Unfinished { .. } | Next::End => break,
            }
        }
        Ok(bytes.into())
    }

    /// What can be gone on with; the place is given back.
    fn rest(self) -> Option<Search> {
        match self.search {
            Started::Open(search) => Some(*search),
            Started::Not(..) => None,
        }
    }
}

/// The answer begins with `first`; the rest is read as the client takes it.
fn answer(first: Bytes, mut pieces: Pieces) -> Response {
    let (sender, receiver) = mpsc::channel(2);
    let up_to = HeaderValue::from(pieces.up_to);
    let goes_on = pieces.left > 0 && !first.is_empty();
    if goes_on {
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            loop {
                // An empty piece says that it was all.
                let piece = pieces.piece();
                let done = piece.as_ref().map_or(true, Bytes::is_empty);
                let taken = runtime.block_on(timeout(TAKE, sender.send(piece)));
                // Otherwise the client is gone, or takes nothing.
                if done || !matches!(taken, Ok(Ok(()))) {
                    return;
                }
            }
        });
    }
    let body = Body::new(Streamed {
        first: Some(first).filter(|first| !first.is_empty()),
        rest: receiver,
        ended: !goes_on,
    });
    let ndjson = HeaderValue::from_static("application/x-ndjson");
    let headers = [(CONTENT_TYPE, ndjson), (UP_TO, up_to)];
    (headers, body).into_response()
}

/// A body out of a channel, up to an empty piece. An error, or the end of the channel before that, cuts the answer, so that nobody
/// takes it for whole.
#[derive(Debug)]
struct Streamed {
    first: Option<Bytes>,
    rest: mpsc::Receiver<Result<Bytes, Refusal>>,
    ended: bool,
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = Refusal;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Refusal>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        let piece = match ready!(self.rest.poll_recv(context)) {
            Some(Ok(piece)) if piece.is_empty() => None,
            Some(piece) => Some(piece.map(Frame::data)),
            None => Some(Err(Refusal::new(
                Reason::TooSlow,
                "the answer was taken too slowly; go on after the last record of it",
            ))),
        };
        self.ended = !matches!(piece, Some(Ok(_)));
        Poll::Ready(piece)
    }
}

/// Runs what may block on a thread for that.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(unreadable(&error)),
    }
}

/// The operator is told what is wrong, the client that it is not the request.
pub(super) fn unreadable(error: &dyn std::fmt::Display) -> Refusal {
    tracing::error!(error = %error, "cannot read a chain that is kept");
    Refusal::new(
        Reason::Internal,
        "the chain cannot be read here; the collector's operator should verify it",
    )
}
