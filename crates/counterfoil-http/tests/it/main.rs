//! The server, spoken to over a socket.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Barrier, Mutex, mpsc};
use std::time::Duration;

use counterfoil_http::{Builder, Bytes, Request, Server, StatusCode, text};

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Answers with the request's method, path and body.
fn echo() -> Builder {
    Server::builder("echo", |request: Request<Bytes>| {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        text(
            StatusCode::OK,
            format!("{} {} {body}", request.method(), request.uri().path()),
        )
    })
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // The server may refuse before it has read everything, and then a write or read may fail with a reset.
    stream.write_all(request.as_bytes()).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    String::from_utf8(answer).unwrap()
}

fn post(address: SocketAddr, body: &str) -> String {
    let length = body.len();
    ask(
        address,
        &format!(
            "POST /p HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    )
}

#[test]
fn a_body_up_to_the_limit_is_read_whole_and_a_longer_one_is_refused() {
    let server = echo().max_body(5).start(any_port()).unwrap();
    let answer = post(server.address(), "12345");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nPOST /p 12345"), "{answer}");
    let answer = post(server.address(), "123456");
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("longer than 5 bytes"), "{answer}");
    let chunked = ask(
        server.address(),
        "POST /p HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\n123\r\n3\r\n456\r\n0\r\n\r\n",
    );
    assert!(chunked.starts_with("HTTP/1.1 413"), "{chunked}");
}

#[test]
fn without_a_limit_for_bodies_none_is_read() {
    let server = echo().start(any_port()).unwrap();
    let answer = post(server.address(), "12345");
    assert!(answer.ends_with("\r\n\r\nPOST /p "), "{answer}");
}

#[test]
fn headers_have_a_limit() {
    let server = echo().start(any_port()).unwrap();
    let long = "x".repeat(40_000);
    let answer = ask(
        server.address(),
        &format!("GET / HTTP/1.1\r\nhost: x\r\nlong: {long}\r\n\r\n"),
    );
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[test]
fn a_panic_is_answered_with_500_and_the_server_goes_on() {
    let server = Server::builder("panic", |request: Request<Bytes>| {
        assert_ne!(request.uri().path(), "/broken", "on purpose");
        text(StatusCode::OK, "fine")
    })
    .start(any_port())
    .unwrap();
    let get = |path| {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        ask(server.address(), &request)
    };
    assert!(get("/broken").starts_with("HTTP/1.1 500"));
    assert!(get("/").starts_with("HTTP/1.1 200"));
}

#[test]
fn as_many_requests_as_there_are_workers_are_answered_at_once() {
    let both = Barrier::new(2);
    let server = Server::builder("meet", move |_: Request<Bytes>| {
        both.wait();
        text(StatusCode::OK, "met")
    })
    .workers(2)
    .start(any_port())
    .unwrap();
    let address = server.address();
    let answers = [0, 1].map(|_| std::thread::spawn(move || post(address, "")));
    for answer in answers {
        assert!(answer.join().unwrap().ends_with("met"));
    }
    server.stop().unwrap();
}

#[test]
fn connections_that_ask_for_nothing_or_never_end_their_headers_shut_nobody_out() {
    // Each would hold the only place for the 5 s that headers may take, all of them longer than this test waits.
    let server = echo().connections(1).start(any_port()).unwrap();
    let idle = (0..200).map(|_| TcpStream::connect(server.address()).unwrap());
    let idle: Vec<_> = idle.collect();
    let slow = (0..20).map(|_| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nho").ok();
        stream
    });
    let slow: Vec<_> = slow.collect();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    stream
        .write_all(b"GET /scrape HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("GET /scrape "), "{answer}");
    drop((idle, slow));
}

#[test]
fn a_connection_that_is_being_answered_keeps_its_place() {
    let (begun, has_begun) = mpsc::channel();
    let (end, may_end) = mpsc::channel();
    let may_end = Mutex::new(may_end);
    let server = Server::builder("hold", move |_: Request<Bytes>| {
        begun.send(()).unwrap();
        may_end.lock().unwrap().recv().unwrap();
        text(StatusCode::OK, "held")
    });
    let server = server.connections(1).start(any_port()).unwrap();
    let address = server.address();
    let first = std::thread::spawn(move || post(address, ""));
    has_begun.recv().unwrap();
    let second = std::thread::spawn(move || post(address, ""));
    for _ in 0..2 {
        end.send(()).unwrap();
    }
    assert!(first.join().unwrap().ends_with("held"));
    assert!(second.join().unwrap().ends_with("held"));
}
