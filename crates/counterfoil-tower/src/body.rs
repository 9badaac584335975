//! The body of an answer, watched to its end.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::exchange::Exchange;
use crate::http_method::HttpMethod;
use crate::outcome::Failure;

pin_project! {
    /// The body of an answer, as it was, with the request counted as under way until the last frame is read or the body is
    /// dropped. It is read and dropped in the request's context and span.
    pub struct MeasuredBody<B> {
        // There until this is dropped.
        #[pin]
        inner: Option<B>,
        exchange: Option<Exchange>,
        // How many bytes are still to come, where that is known.
        left: Option<u64>,
    }

    impl<B> PinnedDrop for MeasuredBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            match this.exchange.take() {
                Some(exchange) => exchange.within(|| this.inner.set(None)),
                None => this.inner.set(None),
            }
        }
    }
}

impl<B: Body> MeasuredBody<B> {
    /// Watches the body of `response`, which answers a request of this method; not at all where the head settles it.
    pub(crate) fn watch(
        response: Response<B>,
        mut exchange: Exchange,
        method: HttpMethod,
    ) -> Response<Self> {
        let settled = exchange.head(&response);
        let left = expected(&response, method).filter(|_| exchange.ends_with_data());
        let ended = settled || left == Some(0) || response.body().is_end_stream();
        if ended && !settled {
            exchange.complete();
        }
        let exchange = (!ended).then_some(exchange);
        response.map(|inner| Self {
            inner: Some(inner),
            exchange,
            left,
        })
    }
}

/// How many bytes of body a server sends; it stops reading the body there.
fn expected<B: Body>(response: &Response<B>, method: HttpMethod) -> Option<u64> {
    let bodiless = matches!(
        response.status(),
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::SWITCHING_PROTOCOLS
    );
    let tunnel = method == HttpMethod::Connect && response.status().is_success();
    if bodiless || tunnel || method == HttpMethod::Head {
        return Some(0);
    }
    let declared = || {
        let value = response.headers().get(header::CONTENT_LENGTH)?;
        value.to_str().ok()?.parse().ok()
    };
    declared().or_else(|| response.body().size_hint().exact())
}

impl<B: Body> Body for MeasuredBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let Some(mut inner) = this.inner.as_pin_mut() else {
            return Poll::Ready(None);
        };
        let Some(exchange) = this.exchange else {
            return inner.poll_frame(cx);
        };
        let frame = ready!(exchange.work(|| inner.as_mut().poll_frame(cx)));
        let ended = match &frame {
            None => {
                exchange.complete();
                true
            }
            Some(Err(_)) => {
                exchange.fail(Failure::Body);
                true
            }
            Some(Ok(frame)) => {
                let ended = look_at(frame, exchange, this.left);
                if !ended && inner.is_end_stream() {
                    exchange.complete();
                }
                ended || inner.is_end_stream()
            }
        };
        if ended {
            *this.exchange = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// Takes in a frame, and says whether it was the last.
fn look_at<D: bytes::Buf>(
    frame: &Frame<D>,
    exchange: &mut Exchange,
    left: &mut Option<u64>,
) -> bool {
    if let Some(trailers) = frame.trailers_ref() {
        exchange.trailers(trailers);
        return true;
    }
    let (Some(data), Some(left)) = (frame.data_ref(), left) else {
        return false;
    };
    *left = left.saturating_sub(data.remaining() as u64);
    if *left == 0 {
        exchange.complete();
    }
    *left == 0
}

impl<B> fmt::Debug for MeasuredBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeasuredBody")
            .field("ended", &self.exchange.is_none())
            .finish_non_exhaustive()
    }
}
