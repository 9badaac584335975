//! The layer around a service that answers requests.

use std::fmt;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use counterfoil_core::propagation::{Hop, Incoming};
use counterfoil_core::{Clock, IdSource, RandomIds, SystemClock, TraceId, WorkloadIdentity};
use counterfoil_metrics::Registry;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::exchange::Exchange;
use crate::future::Reply;
use crate::http_method::HttpMethod;
use crate::measure::{Convention, Measure, OTHER, Subject};
use crate::{Headers, MeasuredBody, ResponseFuture, RouteTemplate, spans};

type Resolve = dyn Fn(&Parts) -> Option<WorkloadIdentity> + Send + Sync;
type Route = dyn for<'a> Fn(&'a Parts) -> Option<&'a str> + Send + Sync;
pub(crate) type Sample = dyn Fn(TraceId) -> bool + Send + Sync;

/// How many routes, or methods, are told apart unless told otherwise.
const LIMIT: usize = 500;

/// Settings of a [`ServerLayer`]. Finished by [`http`](Self::http) or [`grpc`](Self::grpc).
#[derive(Clone)]
pub struct ServerBuilder {
    registry: Registry,
    clock: Arc<dyn Clock>,
    scheme: &'static str,
    limit: usize,
    terms: Terms,
}

/// What a server makes of a request.
#[derive(Clone)]
struct Terms {
    ids: Arc<dyn IdSource>,
    sampled: Arc<Sample>,
    identity: Arc<Resolve>,
    nobody: WorkloadIdentity,
    route: Arc<Route>,
    trusts_callers: bool,
    echoes_request_id: bool,
    older_pair: bool,
}

impl ServerBuilder {
    /// The clock that durations are measured with; the system's unless set.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where ids of traces, spans and requests come from; [`RandomIds`] unless set.
    #[must_use]
    pub fn ids(mut self, ids: impl IdSource) -> Self {
        self.terms.ids = Arc::new(ids);
        self
    }

    /// Decides whether a trace that begins here is sampled; all are unless set. A trace that a caller began keeps the
    /// caller's decision.
    #[must_use]
    pub fn sampled(mut self, decide: impl Fn(TraceId) -> bool + Send + Sync + 'static) -> Self {
        self.terms.sampled = Arc::new(decide);
        self
    }

    /// Finds on whose behalf a request is made, such as by what an authentication layer outside of this one has put into its
    /// extensions. Never take a tenant from a header that a client can set.
    #[must_use]
    pub fn identity(
        mut self,
        resolve: impl Fn(&Parts) -> Option<WorkloadIdentity> + Send + Sync + 'static,
    ) -> Self {
        self.terms.identity = Arc::new(resolve);
        self
    }

    /// On whose behalf requests are made of which nobody knows; the tenant `unknown` unless set.
    #[must_use]
    pub fn default_identity(mut self, identity: WorkloadIdentity) -> Self {
        self.terms.nobody = identity;
        self
    }

    /// Finds the template of the route that a request takes: `/users/{id}`, never `/users/7`. [`RouteTemplate`] in the
    /// request's extensions unless set. gRPC has no routes, so there it is not asked.
    #[must_use]
    pub fn routes(
        mut self,
        find: impl for<'a> Fn(&'a Parts) -> Option<&'a str> + Send + Sync + 'static,
    ) -> Self {
        self.terms.route = Arc::new(find);
        self
    }

    /// Tells apart at most so many routes, or gRPC methods; further ones are counted as `_OTHER`. 500 unless set.
    #[must_use]
    pub const fn max_routes(mut self, most: usize) -> Self {
        self.limit = most;
        self
    }

    /// That clients reach this server through TLS, be it ended here or at a proxy: the label `url.scheme` says `https`.
    #[must_use]
    pub const fn https(mut self) -> Self {
        self.scheme = "https";
        self
    }

    /// Begins a new trace with each request instead of joining the caller's, and makes its request id: for a server that
    /// strangers reach, who could otherwise choose both.
    #[must_use]
    pub const fn at_trust_boundary(mut self) -> Self {
        self.terms.trusts_callers = false;
        self
    }

    /// Whether answers carry `X-Request-Id`; they do unless told otherwise.
    #[must_use]
    pub const fn echo_request_id(mut self, echo: bool) -> Self {
        self.terms.echoes_request_id = echo;
        self
    }

    /// Answers carry `X-Trace-Id` and `X-Span-Id` as well, for clients from before W3C Trace Context.
    #[must_use]
    pub const fn older_pair(mut self) -> Self {
        self.terms.older_pair = true;
        self
    }

    /// The layer of an HTTP service.
    #[must_use]
    pub fn http(self) -> ServerLayer {
        self.build(Convention::HttpServer)
    }

    /// The layer of a gRPC service.
    #[must_use]
    pub fn grpc(self) -> ServerLayer {
        self.build(Convention::RpcServer)
    }

    fn build(self, convention: Convention) -> ServerLayer {
        let no_server = (String::new(), String::new());
        let measure = Measure::new(
            convention,
            &self.registry,
            self.clock,
            self.scheme,
            no_server,
            self.limit,
        );
        ServerLayer {
            shared: Arc::new(Shared {
                measure: Arc::new(measure),
                terms: self.terms,
            }),
        }
    }
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("scheme", &self.scheme)
            .field("max_routes", &self.limit)
            .finish_non_exhaustive()
    }
}

struct Shared {
    measure: Arc<Measure>,
    terms: Terms,
}

/// Puts each request of a service into its trace, its request id and its identity, opens one span for it and measures it.
///
/// - `traceparent` and `tracestate` are continued, or the older pair `X-Trace-Id` and `X-Span-Id`; `X-Request-Id` is kept if
///   it is well-formed, else made, and sent back.
/// - [`Current`](counterfoil_core::Current) has the request's context while the handler and the body of its answer work.
/// - The `tracing` span has the names of OpenTelemetry's conventions. It is an error span when the server failed (a status
///   from 500 on, or gRPC's equivalents), and has the [`ErrorCode`](crate::ErrorCode) that the handler answered with.
/// - `http.server.request.duration` or `rpc.server.call.duration`, and `http.server.active_requests`. A duration ends with
///   the last frame of the answer. A request that nobody waited for counts with `error.type="cancelled"`, one whose handler
///   panicked with `panic`.
///
/// Labels cannot be made up by clients: a route is a template or `_UNMATCHED`, a method one of the known ones or `_OTHER`; a
/// gRPC method counts as `_OTHER` until a call has shown that there is one.
///
/// Cheap to clone; clones count together. Works with any executor.
#[derive(Clone)]
pub struct ServerLayer {
    shared: Arc<Shared>,
}

impl ServerLayer {
    /// Settings for a layer that counts in `registry`.
    #[must_use]
    pub fn builder(registry: &Registry) -> ServerBuilder {
        ServerBuilder {
            registry: registry.clone(),
            clock: Arc::new(SystemClock::new()),
            scheme: "http",
            limit: LIMIT,
            terms: Terms {
                ids: Arc::new(RandomIds),
                sampled: Arc::new(|_trace| true),
                identity: Arc::new(|_request| None),
                nobody: WorkloadIdentity::tenant_only("unknown"),
                route: Arc::new(|request| request.extensions.get().map(RouteTemplate::as_str)),
                trusts_callers: true,
                echoes_request_id: true,
                older_pair: false,
            },
        }
    }
}

impl fmt::Debug for ServerLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerLayer")
            .field("convention", &self.shared.measure.convention)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, inner: S) -> Server<S> {
        Server {
            inner,
            shared: Arc::clone(&self.shared),
        }
    }
}

/// A service within a [`ServerLayer`].
#[derive(Clone)]
pub struct Server<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S: fmt::Debug> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S, A, B> Service<Request<A>> for Server<S>
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

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let method = HttpMethod::of(&parts.method);
        let (mut exchange, reply) = self.shared.arrive(&parts, method);
        let request = Request::from_parts(parts, body);
        let inner = exchange.work(|| self.inner.call(request));
        ResponseFuture::new(inner, exchange, method, reply)
    }
}

impl Shared {
    fn arrive(&self, parts: &Parts, method: HttpMethod) -> (Exchange, Reply) {
        let terms = &self.terms;
        let incoming = if terms.trusts_callers {
            Incoming::extract(&Headers(&parts.headers))
        } else {
            Incoming::default()
        };
        let hop = incoming.start(&*terms.ids, &*terms.sampled);
        let identity = (terms.identity)(parts).unwrap_or_else(|| terms.nobody.clone());
        let context = Arc::new(hop.context(identity));
        let exchange = match self.measure.convention {
            Convention::RpcServer => self.arrive_rpc(parts, method, &hop),
            _ => self.arrive_http(parts, method, &hop),
        };
        let reply = Reply {
            request: hop.request.filter(|_| terms.echoes_request_id),
            older_pair: terms.older_pair.then_some(hop.trace),
        };
        (exchange.with_context(context), reply)
    }

    fn arrive_http(&self, parts: &Parts, method: HttpMethod, hop: &Hop) -> Exchange {
        let route = (self.terms.route)(parts);
        let subject = match route {
            Some(route) => self.measure.subject(route),
            None => self.measure.unmatched(),
        };
        let span = spans::http_server(hop, method, route, self.measure.scheme, parts.version);
        Exchange::start(Arc::clone(&self.measure), subject, method, hop.trace, span)
    }

    fn arrive_rpc(&self, parts: &Parts, method: HttpMethod, hop: &Hop) -> Exchange {
        let called = rpc_method(parts.uri.path());
        let known = called.and_then(|it| self.measure.known(it));
        let unknown = called.filter(|_| known.is_none()).map(Box::from);
        let subject = known.unwrap_or_else(|| self.measure.other());
        let name = match &*subject {
            subject if unknown.is_none() => Subject::name(subject),
            _ => called.unwrap_or(OTHER),
        };
        let span = spans::rpc_server(hop, name);
        Exchange::start(Arc::clone(&self.measure), subject, method, hop.trace, span)
            .with_unknown(unknown)
    }
}

/// The method that a path names, `package.Service/Method`, if it has the form of one.
pub(crate) fn rpc_method(path: &str) -> Option<&str> {
    const LONGEST: usize = 256;
    let method = path.strip_prefix('/')?;
    let (service, name) = method.split_once('/')?;
    let word = |text: &str, more: &[u8]| {
        !text.is_empty()
            && text
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || more.contains(&it))
    };
    let valid = method.len() <= LONGEST && word(service, b"._-") && word(name, b"_-");
    valid.then_some(method)
}
