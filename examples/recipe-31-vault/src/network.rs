//! Connections to the vault: bounded in number, and counted with what goes over them.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use counterfoil::metrics::Counter;
use counterfoil::tower::InFlight;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

use crate::metrics::Metrics;

/// Connections that may be open at once; further ones wait.
const MOST_CONNECTIONS: usize = 1024;
/// How long nothing may go over a connection before it is closed.
const LONGEST_STALL: Duration = Duration::from_secs(60);

/// A listener that counts.
#[derive(Debug)]
pub(crate) struct Counted {
    listener: TcpListener,
    places: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    longest_stall: Duration,
}

impl Counted {
    pub(crate) fn new(listener: TcpListener, metrics: Arc<Metrics>) -> Self {
        Self {
            listener,
            places: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            metrics,
            longest_stall: LONGEST_STALL,
        }
    }
}

impl Listener for Counted {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // It is never closed, so that there is a place sooner or later.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let connection = Connection {
            stream,
            sent: self.metrics.sent.clone(),
            received: self.metrics.received.clone(),
            _active: InFlight::enter(&self.metrics.connections),
            _place: place,
            longest_stall: self.longest_stall,
            stall: Box::pin(sleep(self.longest_stall)),
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    sent: Counter,
    received: Counter,
    _active: InFlight,
    _place: Option<OwnedSemaphorePermit>,
    longest_stall: Duration,
    stall: Pin<Box<Sleep>>,
}

impl Connection {
    /// Passes on what a read or a write came to, and fails once both have come to nothing for too long: who neither sends nor reads
    /// keeps neither a connection nor an object in memory.
    fn bounded<T>(
        &mut self,
        cx: &mut Context<'_>,
        done: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if done.is_ready() {
            let end = Instant::now() + self.longest_stall;
            self.stall.as_mut().reset(end);
            return done;
        }
        let stalled = self.stall.as_mut().poll(cx);
        stalled.map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.received.add((buffer.filled().len() - before) as u64);
        self.bounded(cx, read)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(many)) = &written {
            self.sent.add(*many as u64);
        }
        self.bounded(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use counterfoil::metrics::Registry;

    use super::*;

    #[tokio::test]
    async fn a_connection_that_nothing_goes_over_fails() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Arc::new(Metrics::new(&Registry::new()));
        let mut counted = Counted {
            longest_stall: Duration::from_millis(10),
            ..Counted::new(listener, metrics)
        };
        let _silent = TcpStream::connect(address).await.unwrap();
        let (mut connection, _) = counted.accept().await;
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let read = poll_fn(|cx| Pin::new(&mut connection).poll_read(cx, &mut buffer)).await;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
