//! The answer that is awaited.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use counterfoil_core::propagation::{X_REQUEST_ID, X_SPAN_ID, X_TRACE_ID};
use counterfoil_core::{RequestId, TraceContext};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body::Body;
use pin_project_lite::pin_project;

use crate::MeasuredBody;
use crate::exchange::Exchange;
use crate::http_method::HttpMethod;
use crate::outcome::Failure;

/// What a server tells its client about the request, in the head of the answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) request: Option<RequestId>,
    pub(crate) older_pair: Option<TraceContext>,
}

impl Reply {
    fn write(&self, headers: &mut HeaderMap) {
        let mut set = |name: HeaderName, value: &str| {
            // Ids are visible ASCII.
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        if let Some(request) = &self.request {
            set(
                const { HeaderName::from_static(X_REQUEST_ID) },
                request.as_str(),
            );
        }
        if let Some(trace) = &self.older_pair {
            set(
                const { HeaderName::from_static(X_TRACE_ID) },
                &trace.trace_id.to_string(),
            );
            set(
                const { HeaderName::from_static(X_SPAN_ID) },
                &trace.span_id.to_string(),
            );
        }
    }
}

pin_project! {
    /// The answer of a service, measured. The future of [`Server`](crate::Server) and [`Client`](crate::Client).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        // There until this is dropped.
        #[pin]
        inner: Option<F>,
        // There until the answer is.
        exchange: Option<Exchange>,
        method: HttpMethod,
        reply: Reply,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            // What a cancelled handler gives back in its destructors it gives back under its own context.
            let mut this = this.project();
            match this.exchange.take() {
                Some(exchange) => exchange.within(|| this.inner.set(None)),
                None => this.inner.set(None),
            }
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) const fn new(
        inner: F,
        exchange: Exchange,
        method: HttpMethod,
        reply: Reply,
    ) -> Self {
        Self {
            inner: Some(inner),
            exchange: Some(exchange),
            method,
            reply,
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<MeasuredBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (Some(inner), Some(exchange)) = (this.inner.as_pin_mut(), this.exchange.as_mut())
        else {
            // Polled again after the answer, which no executor does.
            return Poll::Pending;
        };
        let result = ready!(exchange.work(|| inner.poll(cx)));
        let Some(mut exchange) = this.exchange.take() else {
            return Poll::Pending;
        };
        Poll::Ready(match result {
            Ok(mut response) => {
                this.reply.write(response.headers_mut());
                Ok(MeasuredBody::watch(response, exchange, *this.method))
            }
            Err(error) => {
                exchange.fail(Failure::Other);
                Err(error)
            }
        })
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("answered", &self.exchange.is_none())
            .finish_non_exhaustive()
    }
}
