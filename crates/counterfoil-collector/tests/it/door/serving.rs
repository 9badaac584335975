//! A server for a test, and a client that sends bytes as it likes.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::routing::{any, get};
use counterfoil_collector::auth::Authority;
use counterfoil_collector::routes::{authenticated, closed};
use counterfoil_collector::server::{Drained, Server, ServerLimits, Tls};
use counterfoil_collector::{Caller, Refusal};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;

/// A server on a thread of its own, stopped when dropped.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Drained>>,
}

impl Serving {
    pub(crate) fn start(router: Router, limits: ServerLimits, tls: Option<Arc<Tls>>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let server = Server::bind("127.0.0.1:0".parse().unwrap(), limits, tls).unwrap();
                tell.send(server.address()).unwrap();
                let stop = async move {
                    let _dropped_is_stopped_too = stopped.await;
                };
                server.serve(router, stop).await
            })
        });
        Self {
            address: told.recv().unwrap(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The routes of these tests behind `authority`.
    pub(crate) fn guarded(authority: &Arc<Authority>) -> Self {
        let router = closed(authenticated(routes(), Arc::clone(authority)));
        Self::start(router, ServerLimits::default(), None)
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// Asks the server to stop, and goes on.
    pub(crate) fn ask_to_stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) fn ended(mut self) -> Drained {
        self.ask_to_stop();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.ask_to_stop();
        if let Some(thread) = self.thread.take() {
            let _panicked_in_another_test = thread.join();
        }
    }
}

/// `GET /who` says who asked, `POST /length` how long the body was, and `/seen` which headers arrived.
pub(crate) fn routes() -> Router {
    Router::new()
        .route("/who", get(who))
        .route("/length", any(length))
        .route("/seen", get(seen))
}

async fn who(request: Request) -> String {
    let caller = request.extensions().get::<Caller>().unwrap();
    format!(
        "{} {:?} {}",
        caller.tenant, caller.scopes, caller.credential
    )
}

async fn length(request: Request) -> Result<String, Refusal> {
    let body = request.into_body().collect().await;
    match body {
        Ok(body) => Ok(format!("{} bytes", Bytes::len(&body.to_bytes()))),
        Err(error) => Err(counterfoil_collector::body::broken(&error)),
    }
}

async fn seen(request: Request) -> String {
    format!("{:?}", request.headers())
}

/// A client that writes raw bytes.
#[derive(Debug)]
pub(crate) struct Client(TcpStream);

/// An answer: status, head and body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        // Only so that a test that fails does so with a message.
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Sends as much as the server takes.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// Reads one answer with a `content-length`.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            let read = self.0.read(&mut byte).unwrap();
            assert_eq!(read, 1, "closed after {:?}", String::from_utf8_lossy(&head));
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        Answer {
            status: head[9..12].parse().unwrap(),
            head,
            body: String::from_utf8(body).unwrap(),
        }
    }

    pub(crate) fn ask(&mut self, request: &str) -> Answer {
        self.send(request.as_bytes());
        self.answer()
    }

    /// Reads until something came or the server has closed the connection.
    pub(crate) fn until_answered_or_closed(&mut self) -> String {
        let mut said = [0; 1_024];
        let read = self.0.read(&mut said).unwrap_or_default();
        String::from_utf8_lossy(&said[..read]).into_owned()
    }

    /// Waits until the server has closed the connection; what it says before is given.
    pub(crate) fn until_closed(mut self) -> String {
        let mut said = Vec::new();
        match self.0.read_to_end(&mut said) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("still open: {error}"),
        }
        String::from_utf8_lossy(&said).into_owned()
    }
}
