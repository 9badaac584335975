//! How much a server takes on, and for how long.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use counterfoil::tower::ErrorCode;
use tokio::sync::{Semaphore, oneshot};

use crate::errors::{OVERLOADED, TIMEOUT};

/// Requests that may be under way at once.
const MOST_REQUESTS: usize = 256;
/// How long a request may take, its body included.
pub(crate) const LONGEST: Duration = Duration::from_secs(10);

/// When to stop.
pub(crate) type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The places for requests.
#[derive(Clone, Debug)]
pub(crate) struct Concurrency(Arc<Semaphore>);

impl Default for Concurrency {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_REQUESTS)))
    }
}

/// Refuses at once what there is no place for.
pub(crate) async fn not_too_many(
    State(places): State<Concurrency>,
    request: Request,
    next: Next,
) -> Result<Response, ErrorCode> {
    let _place = places.0.try_acquire().map_err(|_| OVERLOADED)?;
    Ok(next.run(request).await)
}

/// Gives up on what takes too long. A change that was not committed by then is rolled back.
pub(crate) async fn in_time(request: Request, next: Next) -> Result<Response, ErrorCode> {
    let answered = tokio::time::timeout(LONGEST, next.run(request)).await;
    answered.map_err(|_| TIMEOUT)
}

/// Has `serve` answer until `stop` and finish what is under way, for at most `patience`: a client that never ends what it sends
/// holds up no stop.
pub(crate) async fn in_patience<F: Future<Output = std::io::Result<()>>>(
    stop: impl Future<Output = ()> + Send + 'static,
    patience: Duration,
    serve: impl FnOnce(Stop) -> F,
) -> std::io::Result<()> {
    let (stopping, stopped) = oneshot::channel();
    let told = async {
        stop.await;
        stopping.send(()).ok();
    };
    let late = async {
        if stopped.await.is_err() {
            // It ended without being told to, which is for the other branch to say.
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(patience).await;
    };
    tokio::select! {
        served = serve(Box::pin(told)) => served,
        () = late => {
            tracing::warn!("connections that did not end are left behind");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use axum::Router;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_client_that_never_ends_its_request_does_not_hold_up_the_stop() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, told) = oneshot::channel::<()>();
        let told = async { drop(told.await) };
        let served = in_patience(told, Duration::ZERO, |stop| {
            let server = axum::serve(listener, Router::new());
            server.with_graceful_shutdown(stop).into_future()
        });
        let served = tokio::spawn(served);
        let half_done = tokio::task::spawn_blocking(move || {
            let mut client = TcpStream::connect(address).unwrap();
            // One whole request, so that the connection is known to be served, and a part of the next.
            client
                .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HT")
                .unwrap();
            assert!(client.read(&mut [0; 1024]).unwrap() > 0);
            client
        });
        let _client = half_done.await.unwrap();
        stop.send(()).unwrap();
        let deadline = Duration::from_secs(60);
        let ended = tokio::time::timeout(deadline, served).await;
        ended.unwrap().unwrap().unwrap();
    }
}
