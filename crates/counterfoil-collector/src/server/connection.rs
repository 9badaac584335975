//! One connection: HTTP/1.1, one request after the other.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http::Request;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service as _;

use super::phase::{self, Phase};
use super::progress::Progressing;
use super::stream::Watched;
use super::{Door, Peer};

/// Speaks with one client until either side ends it, the server drains, or the client stalls.
pub(super) async fn hold(stream: impl AsyncRead + AsyncWrite + Unpin, peer: Peer, door: Door) {
    let Door {
        router,
        limits,
        mut drain,
        ..
    } = door;
    let phase = Phase::new(limits.head);
    let service = service_fn(|request: Request<Incoming>| {
        let mut router = router.clone();
        let under_way = phase.request();
        let mut request = request.map(|body| Body::new(Progressing::new(body, limits.body)));
        request.extensions_mut().insert(peer.clone());
        async move {
            let Ok(response) = router.call(request).await;
            Ok::<_, Infallible>(response.map(|body| Answer {
                body,
                _under_way: under_way,
            }))
        }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_headers(limits.headers)
        .max_header_size(limits.head_bytes)
        .max_buf_size(limits.head_bytes);
    let stream = Watched::new(stream, phase.clone(), limits.write_stall);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // A client that went away or sent nonsense is its own affair.
        _ended = connection.as_mut() => return,
        () = phase.head_is_late() => return,
        _draining = drain.wait_for(|draining| *draining) => {}
    }
    connection.as_mut().graceful_shutdown();
    // The server ends this when the drain has taken too long.
    tokio::select! {
        _ended = connection => {}
        () = phase.head_is_late() => {}
    }
}

/// An answer, under way until it is sent or given up.
struct Answer {
    body: Body,
    _under_way: phase::Request,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
