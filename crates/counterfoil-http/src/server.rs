//! Starting and stopping.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fmt, io};

use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::conversation::Conversation;
use crate::waiting::Waiting;
use crate::{Error, ErrorKind, Handler};

const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(50);
/// How long answers that are under way may take once the server is stopped.
pub(crate) const CLOSING_TIMEOUT: Duration = Duration::from_secs(2);

/// A [`Server`] that is yet to be started.
///
/// Fixed limits: HTTP/1.1 with keep-alive, 16 KiB and 5 s for a request's headers, 10 s for its body, 5 min per connection.
pub struct Builder {
    purpose: &'static str,
    handler: Arc<dyn Handler>,
    connections: u16,
    workers: u16,
    max_body: usize,
}

impl Builder {
    /// At most so many connections at once, at least 1. 64 unless set. A further one takes the place of the one that has waited
    /// longest for a request or for the rest of its headers, so that nobody is shut out by connections that ask for nothing; while all
    /// are being answered it waits. A client that is asked to make room has 2 s to take the rest of an answer.
    #[must_use]
    pub const fn connections(mut self, most: u16) -> Self {
        self.connections = if most == 0 { 1 } else { most };
        self
    }

    /// At most so many requests are answered at once, at least 1, each on a worker thread. 1 unless set.
    #[must_use]
    pub const fn workers(mut self, most: u16) -> Self {
        self.workers = if most == 0 { 1 } else { most };
        self
    }

    /// Longest request body, in bytes; a longer one is refused with status 413. 0 unless set: then bodies are not read, and
    /// the handler sees an empty one.
    #[must_use]
    pub const fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Listens at `address` and starts the server's thread. With port 0 the system chooses one; see [`Server::address`].
    ///
    /// # Errors
    /// [`ErrorKind::AddressTaken`] when another process listens there, [`ErrorKind::Listen`] when it cannot be listened at
    /// for another reason, [`ErrorKind::Thread`] when no thread can be started.
    pub fn start(self, address: SocketAddr) -> Result<Server, Error> {
        let purpose = self.purpose;
        let listener = listen(address).map_err(|source| refuse(purpose, address, source))?;
        let address = listener
            .local_addr()
            .map_err(|source| refuse(purpose, address, source))?;
        let (stop, stopped) = watch::channel(());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(usize::from(self.workers))
            .thread_name("counterfoil-http")
            .enable_all()
            .build()
            .map_err(|source| no_thread(purpose, address, source))?;
        let connections = self.connections;
        let conversation = Conversation {
            handler: self.handler,
            max_body: self.max_body,
            waiting: Arc::default(),
        };
        let thread = thread::Builder::new()
            .name("counterfoil-http".into())
            .spawn(move || {
                runtime.block_on(serve(listener, connections, conversation, stopped));
                // A handler that hangs must not hold the service that stops us.
                runtime.shutdown_timeout(CLOSING_TIMEOUT);
            })
            .map_err(|source| no_thread(purpose, address, source))?;
        Ok(Server {
            purpose,
            address,
            stop,
            thread: Some(thread),
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("purpose", &self.purpose)
            .field("connections", &self.connections)
            .field("workers", &self.workers)
            .field("max_body", &self.max_body)
            .finish_non_exhaustive()
    }
}

/// Answers HTTP requests until it is stopped or dropped.
#[derive(Debug)]
#[must_use = "the server stops when this is dropped"]
pub struct Server {
    purpose: &'static str,
    address: SocketAddr,
    stop: watch::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A server that has `handler` answer. `purpose` completes "cannot …" in its errors: `serve metrics`.
    #[must_use]
    pub fn builder(purpose: &'static str, handler: impl Handler) -> Builder {
        Builder {
            purpose,
            handler: Arc::new(handler),
            connections: 64,
            workers: 1,
            max_body: 0,
        }
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
            let context = format!("the server's thread for {} has panicked", self.address);
            Error::new(ErrorKind::Thread, self.purpose, context, None)
        })
    }
}

impl Drop for Server {
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

fn refuse(purpose: &'static str, address: SocketAddr, source: io::Error) -> Error {
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
    Error::new(kind, purpose, context, Some(source))
}

fn no_thread(purpose: &'static str, address: SocketAddr, source: io::Error) -> Error {
    let context = format!("no thread can be started for {address}; raise the limit on threads");
    Error::new(ErrorKind::Thread, purpose, context, Some(source))
}

async fn serve(
    listener: TcpListener,
    connections: u16,
    conversation: Conversation,
    mut stopped: watch::Receiver<()>,
) {
    // Fails only outside a runtime.
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let slots = Arc::new(Semaphore::new(usize::from(connections)));
    loop {
        let accepted = tokio::select! {
            _ = stopped.changed() => break,
            accepted = accept(&listener, &slots, &conversation.waiting) => accepted,
        };
        if let Some((stream, slot)) = accepted {
            let (conversation, stopped) = (conversation.clone(), stopped.clone());
            tokio::spawn(async move {
                conversation.hold(stream, stopped).await;
                drop(slot);
            });
        }
    }
    drop(listener);
    // Every slot is free when every connection has ended.
    let all = slots.acquire_many(u32::from(connections));
    timeout(CLOSING_TIMEOUT, all).await.ok();
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &tokio::net::TcpListener,
    slots: &Arc<Semaphore>,
    waiting: &Waiting,
) -> Option<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let Ok((stream, _peer)) = listener.accept().await else {
        // Out of file descriptors, most likely: trying again at once would spin.
        tokio::time::sleep(AFTER_ACCEPT_ERROR).await;
        return None;
    };
    let slot = || Arc::clone(slots).acquire_owned();
    let slot = tokio::select! {
        biased;
        free = slot() => free,
        () = waiting.make_room() => slot().await,
    };
    Some((stream, slot.ok()?))
}
