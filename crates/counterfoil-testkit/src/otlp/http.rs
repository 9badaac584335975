//! The receiver for HTTP.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use prost::Message;

use super::Received;
use super::http_connection::{Body, serve};

/// Answers `POST /v1/{traces,metrics,logs}` by a script, from threads of its own that end when it is dropped.
#[derive(Debug)]
pub struct HttpReceiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What a request is answered with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HttpReply {
    /// That it was accepted.
    Accept,
    /// That it was accepted but for as many items.
    Partial {
        /// How many.
        rejected: i64,
        /// Why.
        message: String,
    },
    /// This status, with these headers and this body.
    Status {
        /// The status.
        status: u16,
        /// Headers beside those that the length of the body needs.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// These bytes instead of an answer, and the end of the connection: nothing, half an answer, something else.
    Raw(Vec<u8>),
    /// Nothing, on a connection that stays open until the receiver is dropped.
    Never,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    stopped: Condvar,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<HttpReply>,
    received: Received,
    stop: bool,
}

impl HttpReply {
    /// A status without headers or body.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self::Status {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// The same answer with one header more, if it is a status.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Status { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// The same answer with this body, if it is a status.
    #[must_use]
    pub fn with_body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        if let Self::Status { body, .. } = &mut self {
            *body = bytes.into();
        }
        self
    }
}

impl HttpReceiver {
    /// Listens on a free port of loopback.
    ///
    /// # Panics
    /// When there is no port to be had.
    #[must_use]
    pub fn start(script: impl IntoIterator<Item = HttpReply>) -> Self {
        let shared = Arc::new(Shared::default());
        shared.lock().script = script.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("{error}"));
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Self { address, shared }
    }

    /// The base of its URLs, such as `http://127.0.0.1:40213`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has received so far.
    #[must_use]
    pub fn received(&self) -> Received {
        self.shared.lock().received.clone()
    }
}

impl Drop for HttpReceiver {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.stopped.notify_all();
        // Wakes the thread that accepts; if that fails, it ends with the process.
        let _woken = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        if shared.lock().stop {
            return;
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A connection that breaks is the other side's to notice.
            let _ended = serve(&stream, &shared);
        });
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request and decides on its answer.
    pub(super) fn reply(&self, request: Body) -> HttpReply {
        let mut state = self.lock();
        state.received.requests.push(request.head.clone());
        let reply = state.script.pop_front().unwrap_or(HttpReply::Accept);
        let rejected = match &reply {
            HttpReply::Accept => 0,
            HttpReply::Partial { rejected, .. } => usize::try_from(*rejected).unwrap_or(0),
            _ => return reply,
        };
        if let Err(status) = keep(&mut state.received, &request) {
            return HttpReply::status(status);
        }
        state.received.rejected += rejected;
        reply
    }

    pub(super) fn wait_for_stop(&self) {
        let waited = self.stopped.wait_while(self.lock(), |state| !state.stop);
        drop(waited);
    }
}

/// Keeps the content of a request, or says with which status it is refused.
fn keep(received: &mut Received, request: &Body) -> Result<(), u16> {
    if request.head.header("content-type") != Some("application/x-protobuf") {
        return Err(415);
    }
    let bytes = request.decoded().ok_or(400_u16)?;
    let malformed = |_| 400_u16;
    match request.head.path.as_str() {
        "/v1/traces" => received
            .traces
            .push(Message::decode(&*bytes).map_err(malformed)?),
        "/v1/metrics" => received
            .metrics
            .push(Message::decode(&*bytes).map_err(malformed)?),
        "/v1/logs" => received
            .logs
            .push(Message::decode(&*bytes).map_err(malformed)?),
        _ => return Err(404),
    }
    Ok(())
}
