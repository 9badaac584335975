//! A body that is charged to its tenant.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};

use super::TenantLimit;
use crate::Refusal;
use crate::body::Decoded;

/// A decoded body, charged piece by piece. When its tenant is over a limit it ends behind the last whole line that there was room
/// for, and fails with the [`Refusal`] to answer with.
#[derive(Debug)]
pub struct Metered {
    body: Decoded,
    limit: Arc<TenantLimit>,
    owed: u64,
    refused: Option<Refusal>,
    ended: bool,
}

impl Metered {
    /// Charges `body` to the tenant of `limit`.
    #[must_use]
    pub const fn new(body: Decoded, limit: Arc<TenantLimit>) -> Self {
        Self {
            body,
            limit,
            owed: 0,
            refused: None,
            ended: false,
        }
    }
}

impl Body for Metered {
    type Data = Bytes;
    type Error = Refusal;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Refusal>>> {
        let this = &mut *self;
        loop {
            if let Some(refusal) = this.refused.take() {
                this.ended = true;
                return Poll::Ready(Some(Err(refusal)));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            let piece = match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                other => {
                    this.ended = true;
                    return Poll::Ready(other);
                }
            };
            let (taken, refused) = this.limit.take(&piece, &mut this.owed);
            this.refused = refused.err();
            if taken > 0 {
                return Poll::Ready(Some(Ok(Frame::data(piece.slice(..taken)))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || (self.refused.is_none() && self.body.is_end_stream())
    }
}
