//! The layer around a service that sends requests.

use std::fmt;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use counterfoil_core::propagation::{Hop, Outgoing};
use counterfoil_core::{Clock, IdSource, Place, RandomIds, SystemClock, TraceId};
use counterfoil_metrics::Registry;
use http::{HeaderMap, Request, Response, Uri, header};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::exchange::Exchange;
use crate::future::Reply;
use crate::http_method::HttpMethod;
use crate::measure::{Convention, Measure, OTHER, split_port};
use crate::server::{Sample, rpc_method};
use crate::{Headers, MeasuredBody, ResponseFuture, spans};

/// How many servers, or methods, are told apart unless told otherwise.
const LIMIT: usize = 100;

/// Settings of a [`ClientLayer`]. Finished by [`http`](Self::http) or [`grpc`](Self::grpc).
#[derive(Clone)]
pub struct ClientBuilder {
    registry: Registry,
    clock: Arc<dyn Clock>,
    limit: usize,
    server: (String, String),
    terms: Terms,
}

#[derive(Clone)]
struct Terms {
    ids: Arc<dyn IdSource>,
    sampled: Arc<Sample>,
    older_pair: bool,
}

impl ClientBuilder {
    /// The clock that durations are measured with; the system's unless set.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where ids come from; [`RandomIds`] unless set.
    #[must_use]
    pub fn ids(mut self, ids: impl IdSource) -> Self {
        self.terms.ids = Arc::new(ids);
        self
    }

    /// Decides whether a trace that begins with a call is sampled; all are unless set.
    #[must_use]
    pub fn sampled(mut self, decide: impl Fn(TraceId) -> bool + Send + Sync + 'static) -> Self {
        self.terms.sampled = Arc::new(decide);
        self
    }

    /// Sends `X-Trace-Id` and `X-Span-Id` as well, for servers from before W3C Trace Context.
    #[must_use]
    pub const fn older_pair(mut self) -> Self {
        self.terms.older_pair = true;
        self
    }

    /// Tells apart at most so many servers, or gRPC methods; further ones are counted as `_OTHER`. 100 unless set.
    #[must_use]
    pub const fn max_servers(mut self, most: usize) -> Self {
        self.limit = most;
        self
    }

    /// The layer of an HTTP client. The server is the one that a request's URI or `Host` names.
    #[must_use]
    pub fn http(self) -> ClientLayer {
        self.build(Convention::HttpClient)
    }

    /// The layer of a gRPC client that calls the server at `authority`, `host` or `host:port`.
    #[must_use]
    pub fn grpc(mut self, authority: &str) -> ClientLayer {
        let (address, port) = split_port(authority);
        self.server = (address.to_owned(), port.to_owned());
        self.build(Convention::RpcClient)
    }

    fn build(self, convention: Convention) -> ClientLayer {
        let measure = Measure::new(
            convention,
            &self.registry,
            self.clock,
            "http",
            self.server.clone(),
            self.limit,
        );
        ClientLayer {
            shared: Arc::new(Shared {
                measure: Arc::new(measure),
                server: self.server,
                terms: self.terms,
            }),
        }
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("max_servers", &self.limit)
            .finish_non_exhaustive()
    }
}

struct Shared {
    measure: Arc<Measure>,
    server: (String, String),
    terms: Terms,
}

/// Sends each request of a service on in the trace of its caller, opens one span for it and measures it.
///
/// The caller is at [`Place::current`] where the request is handed over; outside of any trace, a request begins one. What goes
/// out is `traceparent` with the id of the span of this call, `tracestate` and `X-Request-Id`, in place of any such headers
/// that the request had.
///
/// Counts `http.client.request.duration` or `rpc.client.call.duration`, and `http.client.active_requests`. A duration ends
/// with the last frame of the answer, or when the answer is dropped; a call that is dropped before its answer is there counts
/// with `error.type="cancelled"`.
#[derive(Clone)]
pub struct ClientLayer {
    shared: Arc<Shared>,
}

impl ClientLayer {
    /// Settings for a layer that counts in `registry`.
    #[must_use]
    pub fn builder(registry: &Registry) -> ClientBuilder {
        ClientBuilder {
            registry: registry.clone(),
            clock: Arc::new(SystemClock::new()),
            limit: LIMIT,
            server: (String::new(), String::new()),
            terms: Terms {
                ids: Arc::new(RandomIds),
                sampled: Arc::new(|_trace| true),
                older_pair: false,
            },
        }
    }
}

impl fmt::Debug for ClientLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientLayer")
            .field("convention", &self.shared.measure.convention)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = Client<S>;

    fn layer(&self, inner: S) -> Client<S> {
        Client {
            inner,
            shared: Arc::clone(&self.shared),
        }
    }
}

/// A service within a [`ClientLayer`].
#[derive(Clone)]
pub struct Client<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S: fmt::Debug> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S, A, B> Service<Request<A>> for Client<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: Body,
{
    type Response = Response<MeasuredBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let method = HttpMethod::of(request.method());
        let mut exchange = self.shared.depart(&mut request, method);
        let inner = exchange.work(|| self.inner.call(request));
        ResponseFuture::new(inner, exchange, method, Reply::default())
    }
}

impl Shared {
    fn depart<A>(&self, request: &mut Request<A>, method: HttpMethod) -> Exchange {
        let terms = &self.terms;
        let hop = Hop::child(Place::current(), &*terms.ids, &*terms.sampled);
        Outgoing::of(&hop)
            .with_older_pair(terms.older_pair)
            .inject(&mut Headers(request.headers_mut()));
        let (subject, span) = match self.measure.convention {
            Convention::RpcClient => {
                let called = rpc_method(request.uri().path()).unwrap_or(OTHER);
                let subject = self.measure.subject(called);
                let (address, port) = &self.server;
                let span = spans::rpc_client(&hop, called, address, port);
                (subject, span)
            }
            _ => {
                let authority = authority(request.uri(), request.headers());
                let subject = self.measure.subject(authority);
                let (address, port) = split_port(authority);
                let span = spans::http_client(&hop, method, address, port);
                (subject, span)
            }
        };
        Exchange::start(Arc::clone(&self.measure), subject, method, hop.trace, span)
    }
}

/// `host:port` of the server, without user and password.
fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> &'a str {
    let of_uri = || uri.authority().map(|it| it.as_str());
    let of_host = || headers.get(header::HOST)?.to_str().ok();
    let authority = of_uri().or_else(of_host).unwrap_or(OTHER);
    authority.rsplit_once('@').map_or(authority, |it| it.1)
}
