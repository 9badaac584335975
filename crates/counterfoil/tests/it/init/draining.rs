//! How long the end of a server is waited for.

use std::future::pending;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{LONG, config, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_ends_its_request_does_not_hold_up_the_stop() {
    let guard = start(config());
    let draining = guard.draining();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (begun, mut answering) = mpsc::channel(1);
    let router = Router::new().fallback(async move |request: Request| {
        begun.send(()).await.unwrap();
        to_bytes(request.into_body(), 16).await.unwrap()
    });
    let waiting = guard.draining().clone();
    let served = tokio::spawn(async move {
        let server = axum::serve(listener, router).with_graceful_shutdown(waiting.begun());
        waiting.within(Duration::ZERO, server).await
    });
    let mut client = TcpStream::connect(address).unwrap();
    let half = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhe";
    client.write_all(half).unwrap();
    timeout(LONG, answering.recv()).await.unwrap().unwrap();
    draining.begin();
    let ended = timeout(LONG, served).await.unwrap().unwrap();
    assert!(ended.is_none(), "it is left behind: {ended:?}");
}

#[tokio::test]
async fn a_server_that_ends_is_not_waited_for_any_longer() {
    let guard = start(config());
    let draining = guard.draining();
    let before = draining.within(Duration::ZERO, async { "failed" }).await;
    assert_eq!(before, Some("failed"));
    draining.begin();
    let after = draining.within(Duration::MAX, draining.begun());
    assert_eq!(timeout(LONG, after).await.unwrap(), Some(()));
}

#[tokio::test(start_paused = true)]
async fn a_server_is_waited_for_from_the_begin_of_the_drain_and_no_earlier() {
    let guard = start(config());
    let draining = guard.draining();
    let hour = Duration::from_secs(3_600);
    let serving = draining.within(Duration::from_secs(10), pending::<()>());
    assert!(timeout(hour, serving).await.is_err(), "it serves on");
    draining.begin();
    let begin = tokio::time::Instant::now();
    let stopping = draining.within(Duration::from_secs(10), pending::<()>());
    assert_eq!(stopping.await, None);
    assert_eq!(begin.elapsed().as_secs(), 10);
}
