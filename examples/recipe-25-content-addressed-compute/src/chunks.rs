//! A value on its way to a client.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tonic::Status;
use tonic::codegen::tokio_stream::Stream;
use tracing::Span;

use crate::call::Call;
use crate::proto::Chunk;

/// How much goes into one message.
pub(crate) const CHUNK: usize = 64 << 10;

/// A value in chunks of 64 KiB. The call ends with the last of them.
#[derive(Debug)]
pub struct Chunks {
    rest: Bytes,
    call: Option<Call>,
    span: Span,
}

impl Chunks {
    pub(crate) fn new(value: Bytes, call: Call) -> Self {
        let (bytes, chunks) = (value.len(), value.len().div_ceil(CHUNK));
        let span = tracing::info_span!(parent: call.span(), "stream", bytes, chunks);
        Self {
            rest: value,
            call: Some(call),
            span,
        }
    }
}

impl Stream for Chunks {
    type Item = Result<Chunk, Status>;

    fn poll_next(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            if let Some(mut call) = this.call.take() {
                this.span = Span::none();
                call.end(Ok(()));
            }
            return Poll::Ready(None);
        }
        let size = this.rest.len().min(CHUNK);
        let data = this.rest.split_to(size);
        this.span
            .in_scope(|| tracing::trace!(bytes = size, "chunk"));
        Poll::Ready(Some(Ok(Chunk { data })))
    }
}
