//! Who is let in: a call is counted, and refused when too many are under way, before its message is read.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use counterfoil::tower::ErrorCode;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::NamedService;
use tonic::{Request, Status};

use crate::call::Call;
use crate::engine::Engine;
use crate::errors::{CLIENT_STALLED, MESSAGE_INVALID};
use crate::metrics::Method;

/// Lets calls in to the service behind it, as many at once as the engine's limits allow.
#[derive(Clone, Debug)]
pub(crate) struct Admission<S> {
    inner: S,
    engine: Engine,
    admissions: Arc<Semaphore>,
}

/// A call on its way to the method that answers it.
#[derive(Clone, Debug)]
struct Admitted(Arc<Mutex<Option<Call>>>);

/// The call that was let in with a message, and the message.
pub(crate) fn admitted<T>(request: Request<T>) -> Result<(Call, T), Status> {
    let call = request.extensions().get().and_then(Admitted::take);
    // An `Admission` stands before the service, and nobody else takes what it puts there.
    let call = call.ok_or_else(|| Status::internal("the call was not let in"))?;
    Ok((call, request.into_inner()))
}

impl<S> Admission<S> {
    pub(crate) fn new(inner: S, engine: Engine) -> Self {
        let admissions = Arc::new(Semaphore::new(engine.0.limits.calls));
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

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let Some(method) = method_of(request.uri().path()) else {
            // Answered as a method that there is not.
            return Box::pin(self.inner.call(request));
        };
        match Call::begin(&self.engine, &self.admissions, method) {
            Ok(call) => {
                let admitted = Admitted(Arc::new(Mutex::new(Some(call))));
                request.extensions_mut().insert(admitted.clone());
                let patience = self.engine.0.limits.patience;
                Box::pin(admitted.follow(self.inner.call(request), patience))
            }
            Err(code) => Box::pin(async move { Ok(Status::from(code).into_http()) }),
        }
    }
}

impl Admitted {
    fn take(&self) -> Option<Call> {
        self.0.lock().take()
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
        tokio::select! {
            answered = answer => match self.take() {
                Some(call) => Ok(refuse(call, MESSAGE_INVALID)),
                None => answered,
            },
            call = late => Ok(refuse(call, CLIENT_STALLED)),
        }
    }
}

fn refuse(mut call: Call, code: ErrorCode) -> http::Response<Body> {
    call.end(Err(code));
    Status::from(code).into_http()
}

fn method_of(path: &str) -> Option<Method> {
    Some(match path.strip_prefix("/deriva.v1.Deriva/")? {
        "PutLeaf" => Method::PutLeaf,
        "PutRecipe" => Method::PutRecipe,
        "Get" => Method::Get,
        "Resolve" => Method::Resolve,
        "Verify" => Method::Verify,
        "Status" => Method::Status,
        _ => return None,
    })
}
