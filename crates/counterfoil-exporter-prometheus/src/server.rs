//! A small HTTP server for scrapes and health checks, on a thread of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use counterfoil_core::MetricSnapshot;
use counterfoil_http::header::{
    ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY,
};
use counterfoil_http::{Bytes, Error, Method, Request, Response, Server, StatusCode};

use crate::page::{Page, gzip};

/// Where Counterfoil serves its metrics unless told otherwise: this machine only.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

/// What a route answers.
#[derive(Clone, Debug)]
pub struct Reply {
    status: StatusCode,
    content_type: &'static str,
    body: String,
}

impl Reply {
    /// Plain text with status 200.
    #[must_use]
    pub fn text(body: impl Into<String>) -> Self {
        Self {
            status: StatusCode::OK,
            content_type: "text/plain; charset=utf-8",
            body: body.into(),
        }
    }

    /// JSON with status 200; the text is sent as it is.
    #[must_use]
    pub fn json(body: impl Into<String>) -> Self {
        Self {
            content_type: "application/json",
            ..Self::text(body)
        }
    }

    /// The same with status 503, by which health checks know that the service cannot work now.
    #[must_use]
    pub fn unavailable(self) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            ..self
        }
    }

    fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

type Route = Box<dyn Fn(&HeaderMap) -> Reply + Send + Sync>;
type Handler = Box<dyn Fn(&Request<Bytes>) -> Option<Response<Bytes>> + Send + Sync>;

/// The routes of a [`ScrapeServer`] that is yet to be started.
pub struct Builder {
    page: Page,
    routes: Routes,
}

struct Routes {
    by_path: BTreeMap<String, Route>,
    otherwise: Option<Handler>,
}

impl Builder {
    /// Answers `GET path` with what `answer` gives.
    ///
    /// It runs on the server's only worker thread, so it must not block for long. If it panics, the answer is status 500 and the server
    /// goes on. A path that is there already is replaced.
    #[must_use]
    pub fn route(
        mut self,
        path: impl Into<String>,
        answer: impl Fn() -> Reply + Send + Sync + 'static,
    ) -> Self {
        self.routes
            .by_path
            .insert(path.into(), Box::new(move |_| answer()));
        self
    }

    /// Asks `answer` for paths without a route: for pages that depend on more of the request than its path, such as those of
    /// `counterfoil-health`. What it has no answer to is answered with status 404. What holds for a route holds for it, but that it
    /// sees requests of every method.
    #[must_use]
    pub fn otherwise(
        mut self,
        answer: impl Fn(&Request<Bytes>) -> Option<Response<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        self.routes.otherwise = Some(Box::new(answer));
        self
    }

    /// Shows on the same page what another library counts, which `page` renders in the classic format at each scrape, such as
    /// `PrometheusHandle::render` of `metrics-exporter-prometheus`. [`Renderer::render_beside`](crate::Renderer::render_beside)
    /// says what becomes of names that both have.
    ///
    /// It runs on the server's only worker thread, as routes do.
    #[must_use]
    pub fn beside(mut self, page: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.page.beside(page);
        self
    }

    /// Listens at `address` and starts the server's thread. With port 0 the system chooses one; see
    /// [`ScrapeServer::address`].
    ///
    /// # Errors
    /// [`ErrorKind::AddressTaken`](crate::ErrorKind::AddressTaken) when another process listens there,
    /// [`ErrorKind::Listen`](crate::ErrorKind::Listen) when it cannot be listened at for another reason,
    /// [`ErrorKind::Thread`](crate::ErrorKind::Thread) when no thread can be started.
    pub fn start(self, address: SocketAddr) -> Result<ScrapeServer, Error> {
        let Self { page, mut routes } = self;
        routes.by_path.entry("/metrics".into()).or_insert_with(|| {
            Box::new(move |headers| {
                let (format, text) = page.render(headers);
                Reply {
                    content_type: format.content_type(),
                    ..Reply::text(text)
                }
            })
        });
        let answer = move |request: Request<Bytes>| respond(&routes, &request);
        let server = Server::builder("serve metrics", answer).start(address)?;
        Ok(ScrapeServer { server })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("routes", &self.routes.by_path.keys())
            .finish()
    }
}

/// Answers `GET /metrics`, and further routes, until it is stopped or dropped.
///
/// HTTP/1.1 with keep-alive, at most 64 connections at once (a further one takes the place of the one that has waited longest for a
/// request), 5 s for a request's headers, 5 min per connection. Request bodies are not read. There is no encryption and no authentication: listen on
/// the loopback interface, or put a proxy in front. Answers of 1 KiB and more are compressed with gzip where the client takes
/// it.
///
/// ```
/// use counterfoil_core::Timestamp;
/// use counterfoil_exporter_prometheus::{Reply, ScrapeServer};
/// use counterfoil_metrics::Registry;
///
/// let registry = Registry::new();
/// let server = ScrapeServer::builder(move || registry.snapshot(Timestamp::default()))
///     .route("/health", || Reply::json(r#"{"status":"ok"}"#))
///     .start("127.0.0.1:0".parse()?)?;
/// println!("scrape http://{}/metrics", server.address());
/// server.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the server stops when this is dropped"]
pub struct ScrapeServer {
    server: Server,
}

impl ScrapeServer {
    /// A server that renders what `snapshot` gives at `GET /metrics`, in the format that the scraper prefers
    /// ([`Format::negotiate`](crate::Format::negotiate)).
    #[must_use]
    pub fn builder(snapshot: impl Fn() -> MetricSnapshot + Send + Sync + 'static) -> Builder {
        Builder {
            page: Page::new(snapshot),
            routes: Routes {
                by_path: BTreeMap::new(),
                otherwise: None,
            },
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Stops accepting, lets answers that are under way go out for at most 2 s, and waits for the thread.
    ///
    /// # Errors
    /// [`ErrorKind::Thread`](crate::ErrorKind::Thread) when the server's thread has panicked.
    pub fn stop(self) -> Result<(), Error> {
        self.server.stop()
    }
}

fn respond(routes: &Routes, request: &Request<Bytes>) -> Response<Bytes> {
    let Routes { by_path, otherwise } = routes;
    let Some(route) = by_path.get(request.uri().path()) else {
        if let Some(response) = otherwise.as_ref().and_then(|answer| answer(request)) {
            return response;
        }
        let known: Vec<_> = by_path.keys().map(String::as_str).collect();
        let reply = Reply::text(format!("nothing here; try {}\n", known.join(", ")));
        return response(reply.with_status(StatusCode::NOT_FOUND), None);
    };
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let reply = Reply::text("only GET and HEAD are answered here\n");
        let mut response = response(reply.with_status(StatusCode::METHOD_NOT_ALLOWED), None);
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    let codings = request.headers().get(ACCEPT_ENCODING);
    response(
        route(request.headers()),
        codings.and_then(|it| it.to_str().ok()),
    )
}

fn response(reply: Reply, accept_encoding: Option<&str>) -> Response<Bytes> {
    let compressed = gzip(accept_encoding, reply.body.as_bytes());
    let is_compressed = compressed.is_some();
    let body = compressed.map_or_else(|| Bytes::from(reply.body), Bytes::from);
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    if is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
