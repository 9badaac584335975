//! Who is let in: a call is counted, and refused when too many are under way, before its message is read.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use counterfoil::tower::ErrorCode;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, BoxFuture, Service, http};
use tonic::server::NamedService;
use tonic::{Code, Request, Status};

use crate::call::Call;
use crate::engine::Engine;
use crate::errors::{CLIENT_STALLED, ENCODING_UNSUPPORTED, MESSAGE_INVALID};
use crate::metrics::Method;

/// Lets calls in to the service behind it.
#[derive(Clone, Debug)]
pub(crate) struct Admission<S> {
    inner: S,
    engine: Engine,
    admissions: Admissions,
}

/// How many calls may be under way at once, and whether any is. Clones are one and the same.
#[derive(Clone, Debug)]
pub(crate) struct Admissions {
    room: Arc<Semaphore>,
    /// Each call that is under way has a receiver of it.
    under_way: watch::Sender<()>,
}

/// What a call has while it is under way.
#[derive(Debug)]
pub(crate) struct Admittance {
    _room: OwnedSemaphorePermit,
    _under_way: watch::Receiver<()>,
}

impl Admissions {
    pub(crate) fn new(calls: usize) -> Self {
        Self {
            room: Arc::new(Semaphore::new(calls)),
            under_way: watch::Sender::new(()),
        }
    }

    /// Lets a call in, if there is room.
    pub(crate) fn enter(&self) -> Option<Admittance> {
        let room = Arc::clone(&self.room).try_acquire_owned().ok()?;
        Some(Admittance {
            _room: room,
            _under_way: self.under_way.subscribe(),
        })
    }

    /// Waits until no call is under way, and none is either when `grace` has passed: what was answered last gets out meanwhile.
    pub(crate) async fn quiet(&self, grace: Duration) {
        loop {
            self.under_way.closed().await;
            tokio::time::sleep(grace).await;
            if self.under_way.is_closed() {
                return;
            }
        }
    }
}

/// A call on its way to the method that answers it.
#[derive(Clone, Debug)]
struct Admitted(Arc<Waiting>);

#[derive(Debug)]
struct Waiting {
    call: Mutex<Option<Call>>,
    /// Whether the caller went away while it sent its message.
    gone: AtomicBool,
}

/// The call that was let in with a message, and the message.
pub(crate) fn admitted<T>(request: Request<T>) -> Result<(Call, T), Status> {
    let call = request.extensions().get().and_then(Admitted::take);
    // An `Admission` stands before the service, and nobody else takes what it puts there.
    let call = call.ok_or_else(|| Status::internal("the call was not let in"))?;
    Ok((call, request.into_inner()))
}

impl<S> Admission<S> {
    pub(crate) const fn new(inner: S, engine: Engine, admissions: Admissions) -> Self {
        Self {
            inner,
            engine,
            admissions,
        }
    }
}

impl<S: NamedService> NamedService for Admission<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Admission<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Some(method) = Method::of_path(request.uri().path()) else {
            // Answered as a method that there is not.
            return Box::pin(self.inner.call(request));
        };
        match Call::begin(&self.engine, &self.admissions, method) {
            Ok(call) => {
                let admitted = Admitted::new(call);
                let answer = self.inner.call(admitted.accompany(request));
                Box::pin(admitted.follow(answer, self.engine.0.limits.patience))
            }
            Err(code) => Box::pin(async move { Ok(Status::from(code).into_http()) }),
        }
    }
}

impl Admitted {
    fn new(call: Call) -> Self {
        Self(Arc::new(Waiting {
            call: Mutex::new(Some(call)),
            gone: AtomicBool::new(false),
        }))
    }

    fn take(&self) -> Option<Call> {
        self.0.call.lock().take()
    }

    /// Goes with the request, and learns what becomes of its message.
    fn accompany(&self, request: http::Request<Body>) -> http::Request<Body> {
        let mut request = request.map(|body| {
            Body::new(Message {
                body,
                waiting: Arc::clone(&self.0),
            })
        });
        request.extensions_mut().insert(self.clone());
        request
    }

    /// Awaits the answer. A call whose message did not come, or cannot be read, reaches no method; it ends here.
    async fn follow(
        self,
        answer: impl Future<Output = Result<http::Response<Body>, Infallible>>,
        patience: Duration,
    ) -> Result<http::Response<Body>, Infallible> {
        let late = async {
            tokio::time::sleep(patience).await;
            match self.take() {
                Some(call) => call,
                None => std::future::pending().await,
            }
        };
        let answered = tokio::select! {
            answered = answer => answered?,
            call = late => return Ok(refuse(call, CLIENT_STALLED)),
        };
        let Some(mut call) = self.take() else {
            return Ok(answered);
        };
        if self.0.gone.load(Relaxed) {
            // Nobody hears an answer. The call counts as cancelled, here and for the layer around, which is dropped with the stream.
            drop(call);
            return std::future::pending().await;
        }
        if says(&answered, Code::Unimplemented) {
            // It lists the encodings that would do.
            call.end(Err(ENCODING_UNSUPPORTED));
            return Ok(answered);
        }
        Ok(refuse(call, MESSAGE_INVALID))
    }
}

fn refuse(mut call: Call, code: ErrorCode) -> http::Response<Body> {
    call.end(Err(code));
    Status::from(code).into_http()
}

fn says(answer: &http::Response<Body>, code: Code) -> bool {
    let status = answer.headers().get(Status::GRPC_STATUS);
    status.is_some_and(|it| Code::from_bytes(it.as_bytes()) == code)
}

/// A message on its way in. That its stream is cut off is seen here alone: above, it looks as if it had come to its end.
#[derive(Debug)]
struct Message {
    body: Body,
    waiting: Arc<Waiting>,
}

impl HttpBody for Message {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Err(_))) = frame {
            self.waiting.gone.store(true, Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
