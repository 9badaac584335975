//! How much a server takes on, and for how long.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use counterfoil::tower::ErrorCode;
use tokio::sync::Semaphore;

use crate::errors::{OVERLOADED, TIMEOUT};

/// Requests that may be under way at once.
const MOST_REQUESTS: usize = 256;
/// How long a request may take, its body included, and so how long those that are under way hold up a stop.
pub(crate) const LONGEST: Duration = Duration::from_secs(10);

/// The places for requests.
#[derive(Clone, Debug)]
pub(crate) struct Concurrency(Arc<Semaphore>);

impl Default for Concurrency {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_REQUESTS)))
    }
}

/// Refuses at once what there is no place for.
pub(crate) async fn not_too_many(
    State(places): State<Concurrency>,
    request: Request,
    next: Next,
) -> Result<Response, ErrorCode> {
    let _place = places.0.try_acquire().map_err(|_| OVERLOADED)?;
    Ok(next.run(request).await)
}

/// Gives up on what takes too long. A change that was not committed by then is rolled back.
pub(crate) async fn in_time(request: Request, next: Next) -> Result<Response, ErrorCode> {
    let answered = tokio::time::timeout(LONGEST, next.run(request)).await;
    answered.map_err(|_| TIMEOUT)
}
