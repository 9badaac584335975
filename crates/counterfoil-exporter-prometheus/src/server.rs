//! A small HTTP server for scrapes and health checks, on a thread of its own.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fmt, io};

use counterfoil_core::MetricSnapshot;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::{Error, ErrorKind, Renderer};

/// Where Counterfoil serves its metrics unless told otherwise: this machine only.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

const CONNECTIONS_MAX: usize = 64;
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// After this a connection is asked to end, so that nobody can hold one for ever by reading slowly.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(300);
const CLOSING_TIMEOUT: Duration = Duration::from_secs(2);
const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(50);

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

type Route = Box<dyn Fn() -> Reply + Send + Sync>;

/// The routes of a [`ScrapeServer`] that is yet to be started.
pub struct Builder {
    routes: BTreeMap<String, Route>,
}

impl Builder {
    /// Answers `GET path` with what `answer` gives.
    ///
    /// It runs on the server's only thread, so it must not block. If it panics, the answer is status 500 and the server
    /// goes on. A path that is there already is replaced.
    #[must_use]
    pub fn route(
        mut self,
        path: impl Into<String>,
        answer: impl Fn() -> Reply + Send + Sync + 'static,
    ) -> Self {
        self.routes.insert(path.into(), Box::new(answer));
        self
    }

    /// Listens at `address` and starts the server's thread. With port 0 the system chooses one; see
    /// [`ScrapeServer::address`].
    ///
    /// # Errors
    /// [`ErrorKind::AddressTaken`] when another process listens there, [`ErrorKind::Listen`] when it cannot be listened at
    /// for another reason, [`ErrorKind::Thread`] when no thread can be started.
    pub fn start(self, address: SocketAddr) -> Result<ScrapeServer, Error> {
        let listener = listen(address).map_err(|source| refuse(address, source))?;
        let address = listener
            .local_addr()
            .map_err(|source| refuse(address, source))?;
        let (stop, stopped) = watch::channel(());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| no_thread(address, source))?;
        let routes = Arc::new(self.routes);
        let thread = thread::Builder::new()
            .name("counterfoil-scrape".into())
            .spawn(move || runtime.block_on(serve(listener, routes, stopped)))
            .map_err(|source| no_thread(address, source))?;
        Ok(ScrapeServer {
            address,
            stop,
            thread: Some(thread),
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("routes", &self.routes.keys())
            .finish()
    }
}

/// Answers `GET /metrics`, and further routes, until it is stopped or dropped.
///
/// HTTP/1.1 with keep-alive, at most 64 connections at once (further ones wait in the system's queue), 5 s for a request's
/// headers, 5 min per connection. Request bodies are not read. There is no encryption and no authentication: listen on
/// the loopback interface, or put a proxy in front.
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
    address: SocketAddr,
    stop: watch::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl ScrapeServer {
    /// A server that renders what `snapshot` gives at `GET /metrics`.
    #[must_use]
    pub fn builder(snapshot: impl Fn() -> MetricSnapshot + Send + Sync + 'static) -> Builder {
        let renderer = Mutex::new(Renderer::new());
        let metrics = move || {
            let snapshot = snapshot();
            let mut renderer = renderer.lock().unwrap_or_else(PoisonError::into_inner);
            Reply {
                content_type: crate::CONTENT_TYPE,
                ..Reply::text(renderer.render(&snapshot))
            }
        };
        let routes = BTreeMap::new();
        Builder { routes }.route("/metrics", metrics)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets answers that are under way go out for at most 2 s, and waits for the thread.
    ///
    /// # Errors
    /// [`ErrorKind::Thread`] when the server's thread has panicked.
    pub fn stop(mut self) -> Result<(), Error> {
        self.join()
    }

    fn join(&mut self) -> Result<(), Error> {
        // Fails only if the thread has ended, and then there is nothing to stop.
        self.stop.send(()).ok();
        let ended = self.thread.take().map_or(Ok(()), JoinHandle::join);
        ended.map_err(|_panic| {
            let context = format!("its thread for {} has panicked", self.address);
            Error::new(ErrorKind::Thread, "stop the scrape server", context, None)
        })
    }
}

impl Drop for ScrapeServer {
    fn drop(&mut self) {
        // Whoever wants to know calls `stop`.
        self.join().ok();
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn refuse(address: SocketAddr, source: io::Error) -> Error {
    let (kind, context) = match source.kind() {
        io::ErrorKind::AddrInUse => (
            ErrorKind::AddressTaken,
            format!(
                "{address} is taken; stop what listens there or choose another address (port 0 finds a free port)"
            ),
        ),
        io::ErrorKind::PermissionDenied => (
            ErrorKind::Listen,
            format!(
                "{address} needs rights that this process does not have; choose a port above 1023"
            ),
        ),
        _ => (
            ErrorKind::Listen,
            format!("{address} cannot be listened at; choose an address of this machine"),
        ),
    };
    Error::new(kind, "serve metrics", context, Some(source))
}

fn no_thread(address: SocketAddr, source: io::Error) -> Error {
    let context = format!("no thread can be started for {address}; raise the limit on threads");
    Error::new(ErrorKind::Thread, "serve metrics", context, Some(source))
}

async fn serve(
    listener: TcpListener,
    routes: Arc<BTreeMap<String, Route>>,
    mut stopped: watch::Receiver<()>,
) {
    // Fails only outside a runtime.
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            _ = stopped.changed() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        if let Some((stream, slot)) = accepted {
            let (routes, stopped) = (Arc::clone(&routes), stopped.clone());
            tokio::spawn(async move {
                converse(stream, routes, stopped).await;
                drop(slot);
            });
        }
    }
    drop(listener);
    // Every slot is free when every connection has ended.
    let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
    timeout(CLOSING_TIMEOUT, slots.acquire_many(all)).await.ok();
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &tokio::net::TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _peer)) => Some((stream, slot)),
        Err(_) => {
            // Out of file descriptors, most likely: trying again at once would spin.
            tokio::time::sleep(AFTER_ACCEPT_ERROR).await;
            None
        }
    }
}

async fn converse(
    stream: tokio::net::TcpStream,
    routes: Arc<BTreeMap<String, Route>>,
    mut stopped: watch::Receiver<()>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = respond(&routes, request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    let mut connection = std::pin::pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
    );
    tokio::select! {
        // A client that went away or sent nonsense is its own affair.
        _ = connection.as_mut() => return,
        _ = stopped.changed() => {}
        () = tokio::time::sleep(CONNECTION_LIFETIME) => {}
    }
    connection.as_mut().graceful_shutdown();
    timeout(CLOSING_TIMEOUT, connection).await.ok();
}

fn respond(routes: &BTreeMap<String, Route>, method: &Method, path: &str) -> Response<Full<Bytes>> {
    let Some(route) = routes.get(path) else {
        let known: Vec<_> = routes.keys().map(String::as_str).collect();
        let reply = Reply::text(format!("nothing here; try {}\n", known.join(", ")));
        return response(reply.with_status(StatusCode::NOT_FOUND));
    };
    if method != Method::GET && method != Method::HEAD {
        let reply = Reply::text("only GET and HEAD are answered here\n");
        let mut response = response(reply.with_status(StatusCode::METHOD_NOT_ALLOWED));
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    response(
        catch_unwind(AssertUnwindSafe(route)).unwrap_or_else(|_panic| {
            Reply::text("this page failed; the service's own log says why\n")
                .with_status(StatusCode::INTERNAL_SERVER_ERROR)
        }),
    )
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = reply.status;
    let content_type = HeaderValue::from_static(reply.content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
