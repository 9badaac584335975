//! Connections: so many at once, and each is closed when its client does not begin to speak.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tonic::codegen::tokio_stream::{Stream, StreamExt};
use tonic::transport::server::{Connected, TcpConnectInfo, TcpIncoming};

/// What every client says first: "PRI * HTTP/2.0", and what belongs to it.
const PREFACE: usize = 24;

/// The connections that are made to `listener`. Further ones than `most` wait until one of them ends.
pub(crate) fn incoming(
    listener: TcpListener,
    most: usize,
    patience: Duration,
) -> impl Stream<Item = io::Result<Connection>> {
    let room = Arc::new(Semaphore::new(most));
    let accepted = TcpIncoming::from(listener).with_nodelay(Some(true));
    accepted.then(move |stream| {
        let room = Arc::clone(&room);
        async move {
            let stream = stream?;
            let room = room.acquire_owned().await.map_err(io::Error::other)?;
            Ok(Connection {
                stream,
                unsaid: PREFACE,
                late: Some(Box::pin(tokio::time::sleep(patience))),
                _room: room,
            })
        }
    })
}

/// A connection that ends by itself when the preface does not come. From then on HTTP/2 pings whoever is silent.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// How many bytes of the preface are to come.
    unsaid: usize,
    /// There until the preface has come.
    late: Option<Pin<Box<Sleep>>>,
    _room: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
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
        if read.is_ready() {
            let came = buffer.filled().len() - before;
            self.unsaid = self.unsaid.saturating_sub(came);
        }
        if self.unsaid == 0 {
            self.late = None;
        }
        match &mut self.late {
            Some(late) if read.is_pending() => late
                .as_mut()
                .poll(cx)
                .map(|()| Err(io::ErrorKind::TimedOut.into())),
            _ => read,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
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
    use std::pin::pin;

    use super::*;

    async fn read(connection: &mut Connection) -> io::Result<usize> {
        let mut bytes = [0; 64];
        let mut buffer = ReadBuf::new(&mut bytes);
        std::future::poll_fn(|cx| Pin::new(&mut *connection).poll_read(cx, &mut buffer)).await?;
        Ok(buffer.filled().len())
    }

    #[tokio::test]
    async fn a_connection_whose_client_does_not_begin_to_speak_is_closed_and_makes_room() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut incoming = pin!(incoming(listener, 1, Duration::from_millis(10)));
        let _silent = TcpStream::connect(address).await.unwrap();
        let _next = TcpStream::connect(address).await.unwrap();
        let mut first = incoming.next().await.unwrap().unwrap();
        // There is room for one.
        tokio::select! {
            biased;
            _ = incoming.next() => panic!("a second one was let in"),
            closed = read(&mut first) => {
                assert_eq!(closed.unwrap_err().kind(), io::ErrorKind::TimedOut);
            }
        }
        drop(first);
    }

    #[tokio::test]
    async fn a_connection_on_which_the_preface_came_is_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut incoming = pin!(incoming(listener, 1, Duration::from_secs(90)));
        let client = TcpStream::connect(address).await.unwrap();
        let mut connection = incoming.next().await.unwrap().unwrap();
        client.writable().await.unwrap();
        client
            .try_write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .unwrap();
        assert_eq!(read(&mut connection).await.unwrap(), PREFACE);
        assert!(connection.late.is_none());
    }
}
