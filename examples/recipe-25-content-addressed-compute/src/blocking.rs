//! Work that blocks, away from the threads that answer calls.

use counterfoil::Current;
use counterfoil::tower::ErrorCode;
use tracing::Span;

use crate::errors::INTERNAL;

/// Runs `work` on a thread for blocking work, within the span and the context of the caller.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ErrorCode> + Send + 'static,
) -> Result<T, ErrorCode> {
    blocking_or(INTERNAL, work).await
}

/// As [`blocking`], with an error of its own for work that panics.
pub(crate) async fn blocking_or<T: Send + 'static>(
    panicked: ErrorCode,
    work: impl FnOnce() -> Result<T, ErrorCode> + Send + 'static,
) -> Result<T, ErrorCode> {
    let (span, context) = (Span::current(), Current::get());
    let task = tokio::task::spawn_blocking(move || {
        let _context = context.map(Current::enter);
        span.in_scope(work)
    });
    // The panic itself was logged by the hook of `init`.
    task.await.unwrap_or(Err(panicked))
}
