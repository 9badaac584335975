//! One connection: its requests one after the other, each read whole within its limits and answered on a worker thread.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::handler::{Handler, text};
use crate::server::CLOSING_TIMEOUT;
use crate::waiting::Waiting;

const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// After this a connection is asked to end, so that nobody can hold one for ever by reading slowly.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(300);
const BUFFER_MAX: usize = 16 << 10;

/// What all connections of a server share.
#[derive(Clone)]
pub(crate) struct Conversation {
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) max_body: usize,
    pub(crate) waiting: Arc<Waiting>,
}

impl Conversation {
    /// Answers on one connection until either side ends it.
    pub(crate) async fn hold(
        self,
        stream: tokio::net::TcpStream,
        mut stopped: watch::Receiver<()>,
    ) {
        let place = self.waiting.join();
        let service = service_fn(|request| {
            place.serve();
            let (this, place) = (self.clone(), &place);
            async move {
                let answer = this.answer(request).await;
                place.wait();
                Ok::<_, Infallible>(answer.map(Full::new))
            }
        });
        let mut connection = std::pin::pin!(
            hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .max_buf_size(BUFFER_MAX)
                .serve_connection(TokioIo::new(stream), service)
        );
        tokio::select! {
            // A request that is there goes before the wish for its place.
            biased;
            // A client that went away or sent nonsense is its own affair.
            _ = connection.as_mut() => return,
            () = place.asked_to_leave() => if !place.has_served() { return },
            _ = stopped.changed() => {}
            () = tokio::time::sleep(CONNECTION_LIFETIME) => {}
        }
        connection.as_mut().graceful_shutdown();
        timeout(CLOSING_TIMEOUT, connection).await.ok();
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let body = match self.read(body).await {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        let handler = Arc::clone(&self.handler);
        let request = Request::from_parts(parts, body);
        tokio::task::spawn_blocking(move || handler.answer(request))
            .await
            .unwrap_or_else(|_panic| {
                text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "this page failed; the service's own log says why\n",
                )
            })
    }

    async fn read(&self, body: Incoming) -> Result<Bytes, Response<Bytes>> {
        if self.max_body == 0 {
            return Ok(Bytes::new());
        }
        let too_long = || {
            let most = self.max_body;
            let why = format!("the body is longer than {most} bytes, which is the limit here\n");
            text(StatusCode::PAYLOAD_TOO_LARGE, why)
        };
        if body.size_hint().lower() > self.max_body as u64 {
            return Err(too_long());
        }
        let whole = Limited::new(body, self.max_body).collect();
        match timeout(BODY_TIMEOUT, whole).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
            Ok(Err(_broken)) => Err(text(StatusCode::BAD_REQUEST, "the body broke off\n")),
            Err(_elapsed) => Err(text(
                StatusCode::REQUEST_TIMEOUT,
                "the body took longer than 10 s\n",
            )),
        }
    }
}
