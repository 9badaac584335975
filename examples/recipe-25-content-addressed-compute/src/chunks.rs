//! A value on its way to a client.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use counterfoil::tower::ErrorCode;
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};
use tonic::Status;
use tonic::codegen::tokio_stream::Stream;
use tracing::Span;

use crate::call::Call;
use crate::errors::CLIENT_STALLED;
use crate::limits::Limits;
use crate::proto::Chunk;

/// How much goes into one message.
pub(crate) const CHUNK: usize = 64 << 10;

/// A value in chunks of 64 KiB. The call ends with the last of them, or when the client takes none for too long, or
/// all of them too slowly.
#[derive(Debug)]
pub struct Chunks {
    transfer: Arc<Mutex<Transfer>>,
    watch: AbortHandle,
}

#[derive(Debug)]
struct Transfer {
    rest: Bytes,
    /// There until the transfer has ended.
    call: Option<Call>,
    /// What the client is told when it comes back to a transfer that was given up.
    given_up: Option<ErrorCode>,
    span: Span,
    /// When the last chunk was taken.
    taken: Instant,
    /// Until when the last of them has to be.
    until: Instant,
}

impl Chunks {
    pub(crate) fn new(value: Bytes, call: Call, limits: &Limits) -> Self {
        let (bytes, chunks) = (value.len(), value.len().div_ceil(CHUNK));
        let span = tracing::info_span!(parent: call.span(), "stream", bytes, chunks);
        let now = Instant::now();
        let transfer = Arc::new(Mutex::new(Transfer {
            rest: value,
            call: Some(call),
            given_up: None,
            span,
            taken: now,
            until: now + limits.transfer(bytes),
        }));
        // A task of its own: nobody polls the stream while the client does not read.
        let watch = tokio::spawn(watch(Arc::downgrade(&transfer), limits.patience)).abort_handle();
        Self { transfer, watch }
    }
}

/// Gives a transfer up, and with it the call and the value, when nothing of it was taken for so long or too little in all.
async fn watch(transfer: Weak<Mutex<Transfer>>, patience: Duration) {
    loop {
        let Some(transfer) = transfer.upgrade() else {
            return;
        };
        let due = {
            let mut transfer = transfer.lock();
            let due = transfer.until.min(transfer.taken + patience);
            if due <= Instant::now() {
                transfer.given_up = Some(CLIENT_STALLED);
                transfer.end(Err(CLIENT_STALLED));
                return;
            }
            due
        };
        drop(transfer);
        sleep_until(due).await;
    }
}

impl Transfer {
    fn next(&mut self) -> Option<Result<Chunk, Status>> {
        if let Some(code) = self.given_up.take() {
            return Some(Err(code.into()));
        }
        if self.rest.is_empty() {
            self.end(Ok(()));
            return None;
        }
        self.taken = Instant::now();
        let size = self.rest.len().min(CHUNK);
        let data = self.rest.split_to(size);
        self.span
            .in_scope(|| tracing::trace!(bytes = size, "chunk"));
        Some(Ok(Chunk { data }))
    }

    /// Ends the call, if that was not done before, and lets go of the value.
    fn end(&mut self, outcome: Result<(), ErrorCode>) {
        self.rest = Bytes::new();
        self.span = Span::none();
        if let Some(mut call) = self.call.take() {
            call.end(outcome);
        }
    }
}

impl Stream for Chunks {
    type Item = Result<Chunk, Status>;

    fn poll_next(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.transfer.lock().next())
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        self.watch.abort();
    }
}
