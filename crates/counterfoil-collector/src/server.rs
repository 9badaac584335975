//! The HTTP server: an accept loop of its own, in which everything has a bound.
//!
//! A connection is let in (globally and by address), encrypted if there are certificates, and then speaks HTTP/1.1. A client that
//! stalls is closed wherever it does so: in the TLS handshake, before the first byte, within the head of a request, within a body,
//! between two requests, and while an answer is sent to it.

mod admission;
mod connection;
mod phase;
mod progress;
mod stream;
mod tls;

pub(crate) use admission::network;
pub(crate) use progress::TooSlow;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::{Error, ErrorKind};
use admission::{Admission, Admitted};

pub use progress::BodyTimings;
pub use tls::{ClientCertificates, Tls, TlsFiles};

/// Connections that the system keeps until they are accepted.
const BACKLOG: u32 = 1_024;
const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(50);

/// What a connection may take, in number, size and time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Connections at once; further ones wait in the system's queue.
    pub connections: usize,
    /// Connections at once from one address (of IPv6, from one network of 64 bits); further ones are closed.
    pub connections_per_address: usize,
    /// How long the TLS handshake may take.
    pub handshake: Duration,
    /// How long a request's head may take from its first byte, or from the beginning of the connection.
    pub head: Duration,
    /// How long a connection may wait for its next request.
    pub idle: Duration,
    /// Bytes of a request's head, at least 8 192.
    pub head_bytes: usize,
    /// Header fields of a request.
    pub headers: usize,
    /// How slow a request's body may come.
    pub body: BodyTimings,
    /// How long a client may take no byte of what is sent to it.
    pub write_stall: Duration,
    /// How long requests under way may take once the server is asked to stop.
    pub drain: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            connections_per_address: 256,
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            head_bytes: 16 << 10,
            headers: 64,
            body: BodyTimings::default(),
            write_stall: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}

/// Whom a request came from, put into its extensions by the server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Peer {
    /// The other end of the connection.
    pub address: SocketAddr,
    /// The certificate that the client has proved to own, in DER.
    pub certificate: Option<Arc<[u8]>>,
}

impl Peer {
    /// A peer at `address`.
    #[must_use]
    pub const fn new(address: SocketAddr, certificate: Option<Arc<[u8]>>) -> Self {
        Self {
            address,
            certificate,
        }
    }
}

/// How a server came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Connections that were cut because their request took longer than the drain may.
    pub cut: usize,
}

/// A server that listens; [`serve`](Self::serve) has it answer.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    limits: Arc<ServerLimits>,
    tls: Option<Arc<Tls>>,
}

impl Server {
    /// Listens at `address`; with port 0 the system chooses one. With `tls` every connection is encrypted.
    ///
    /// # Errors
    /// [`ErrorKind::Bind`] when it cannot be listened there; the context says why and what to do.
    pub fn bind(
        address: SocketAddr,
        limits: ServerLimits,
        tls: Option<Arc<Tls>>,
    ) -> Result<Self, Error> {
        let listener = listen(address).map_err(|source| cannot_listen(address, source))?;
        let address = listener
            .local_addr()
            .map_err(|source| cannot_listen(address, source))?;
        Ok(Self {
            listener,
            address,
            limits: Arc::new(limits),
            tls,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has `router` answer until `stop` completes; then accepts no more, lets what is under way end within the drain's time, and
    /// returns.
    pub async fn serve(self, router: Router, stop: impl Future<Output = ()>) -> Drained {
        let Self {
            listener,
            limits,
            tls,
            ..
        } = self;
        let admission = Admission::new(limits.connections, limits.connections_per_address);
        let (draining, drain) = watch::channel(false);
        let door = Door {
            router,
            limits: Arc::clone(&limits),
            tls,
            drain,
        };
        let mut open = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(_ended) = open.join_next() => {}
                (stream, peer, admitted) = accept(&listener, &admission) => {
                    open.spawn(door.clone().hold(stream, peer, admitted));
                }
            }
        }
        drop(listener);
        draining.send_replace(true);
        let all = async { while open.join_next().await.is_some() {} };
        let cut = match tokio::time::timeout(limits.drain, all).await {
            Ok(()) => 0,
            Err(_elapsed) => open.len(),
        };
        open.shutdown().await;
        Drained { cut }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What every connection needs.
#[derive(Clone)]
struct Door {
    router: Router,
    limits: Arc<ServerLimits>,
    tls: Option<Arc<Tls>>,
    drain: watch::Receiver<bool>,
}

impl Door {
    /// Speaks with one client until either side ends it; `_admitted` frees the place.
    async fn hold(self, stream: TcpStream, peer: SocketAddr, _admitted: Admitted) {
        // Answers are short and waited for.
        stream.set_nodelay(true).ok();
        let Some(tls) = &self.tls else {
            return connection::hold(stream, Peer::new(peer, None), self).await;
        };
        let shaken = tokio::time::timeout(self.limits.handshake, tls.accept(stream)).await;
        match shaken {
            Ok(Ok((stream, certificate))) => {
                connection::hold(stream, Peer::new(peer, certificate), self).await;
            }
            Ok(Err(error)) => {
                tracing::info!(peer = %peer, error = %error, "a TLS handshake failed");
            }
            Err(_elapsed) => tracing::info!(peer = %peer, "a TLS handshake took too long"),
        }
    }
}

/// The next connection that is let in.
async fn accept(
    listener: &TcpListener,
    admission: &Admission,
) -> (TcpStream, SocketAddr, Admitted) {
    loop {
        let place = admission.place().await;
        match listener.accept().await {
            Ok((stream, peer)) => match admission.admit(peer.ip(), place) {
                Some(admitted) => return (stream, peer, admitted),
                None => {
                    tracing::debug!(peer = %peer, "closed: too many connections from one address");
                }
            },
            // Out of file descriptors, most likely: trying again at once would spin.
            Err(error) => {
                tracing::warn!(error = %error, "cannot accept a connection");
                tokio::time::sleep(AFTER_ACCEPT_ERROR).await;
            }
        }
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restart finds its address free although connections of the process before still fade.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn cannot_listen(address: SocketAddr, source: std::io::Error) -> Error {
    let advice = match source.kind() {
        std::io::ErrorKind::AddrInUse => {
            "it is taken; stop what listens there or set another listen.address (port 0 finds a free port)"
        }
        std::io::ErrorKind::PermissionDenied => {
            "it needs rights that this process does not have; choose a port above 1023"
        }
        _ => "it cannot be listened at; choose an address of this machine",
    };
    Error::new(ErrorKind::Bind, "listen", format!("{address}: {advice}")).with_source(source)
}
