//! The body of a request, with an end to waiting for it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

/// How slow the body of a request may come. Only time in which the server waits for the client counts, not time in which the
/// client waits for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyTimings {
    /// How long no byte may come.
    pub stall: Duration,
    /// Bytes that have to come in each second of waiting, once [`grace`](Self::grace) is used up.
    pub bytes_per_second: u64,
    /// How long a body may be waited for before its rate counts.
    pub grace: Duration,
}

impl Default for BodyTimings {
    fn default() -> Self {
        Self {
            stall: Duration::from_secs(10),
            bytes_per_second: 1_024,
            grace: Duration::from_secs(10),
        }
    }
}

/// The body came too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body came too slowly")
    }
}

impl std::error::Error for TooSlow {}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body that fails with [`TooSlow`] when the client does not send on.
pub(super) struct Progressing<B = Incoming> {
    body: B,
    timings: BodyTimings,
    received: u64,
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<B> Progressing<B> {
    pub(super) const fn new(body: B, timings: BodyTimings) -> Self {
        Self {
            body,
            timings,
            received: 0,
            waited: Duration::ZERO,
            waiting: None,
        }
    }

    fn is_below_rate(&self) -> bool {
        let Some(counted) = self.waited.checked_sub(self.timings.grace) else {
            return false;
        };
        let due = counted.as_secs_f64() * self.timings.bytes_per_second as f64;
        (self.received as f64) < due
    }
}

impl<B> Body for Progressing<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
            let stall = this.timings.stall;
            let (_since, late) = this
                .waiting
                .get_or_insert_with(|| (Instant::now(), Box::pin(sleep(stall))));
            return late.as_mut().poll(cx).map(|()| Some(Err(TooSlow.into())));
        };
        if let Some((since, _late)) = this.waiting.take() {
            this.waited += since.elapsed();
        }
        if let Some(Ok(frame)) = &frame {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            this.received = this.received.saturating_add(bytes as u64);
            if this.is_below_rate() {
                return Poll::Ready(Some(Err(TooSlow.into())));
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use http_body_util::channel::Channel;

    const TIMINGS: BodyTimings = BodyTimings {
        stall: Duration::from_secs(10),
        bytes_per_second: 100,
        grace: Duration::from_secs(5),
    };

    async fn sent_every(pause: Duration, pieces: usize) -> Result<usize, BoxError> {
        let (mut sender, body) = Channel::<Bytes, BoxError>::new(1);
        let sending = tokio::spawn(async move {
            for _ in 0..pieces {
                sleep(pause).await;
                if sender
                    .send_data(Bytes::from_static(b"0123456789"))
                    .await
                    .is_err()
                {
                    return;
                }
            }
        });
        let body = Progressing::new(body, TIMINGS).collect().await;
        sending.abort();
        Ok(body?.to_bytes().len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_or_drips_is_given_up_and_a_steady_one_is_not() {
        let second = Duration::from_secs(1);
        let stopped = sent_every(second * 11, 2).await.unwrap_err();
        assert!(stopped.is::<TooSlow>());
        let dripped = sent_every(second, 60).await.unwrap_err();
        assert!(dripped.is::<TooSlow>());
        assert_eq!(sent_every(second / 20, 400).await.unwrap(), 4_000);
    }
}
