//! The scrape server, spoken to over a socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use counterfoil_core::Timestamp;
use counterfoil_exporter_prometheus::{
    Builder, Bytes, ErrorKind, Format, Reply, Response, ScrapeServer,
};
use counterfoil_metrics::Registry;

use crate::HELD;

pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn builder(registry: &Registry) -> Builder {
    let registry = registry.clone();
    ScrapeServer::builder(move || registry.snapshot(Timestamp::default()))
}

pub(crate) fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(address: SocketAddr, path: &str) -> String {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
    )
}

#[test]
fn metrics_are_rendered_anew_at_each_scrape() {
    let registry = Registry::new();
    let held = registry.instrument(&HELD);
    let server = builder(&registry).start(any_port()).unwrap();
    for value in 1..=3 {
        held.add(1);
        let answer = get(server.address(), "/metrics");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(
            answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            "{answer}"
        );
        assert!(
            answer.contains(&format!("\napp_held {value}\n")),
            "{answer}"
        );
    }
    server.stop().unwrap();
}

#[test]
fn further_routes_answer_and_anything_else_is_refused_with_a_reason() {
    let server = builder(&Registry::new())
        .route("/health", || Reply::json(r#"{"status":"ok"}"#))
        .route("/ready", || Reply::text("not yet").unavailable())
        .route("/broken", || panic!("on purpose"))
        .start(any_port())
        .unwrap();
    let at = server.address();
    let health = get(at, "/health?verbose=1");
    assert!(
        health.starts_with("HTTP/1.1 200") && health.ends_with("\r\n\r\n{\"status\":\"ok\"}"),
        "{health}"
    );
    assert!(health.contains("content-type: application/json\r\n"));
    assert!(get(at, "/ready").starts_with("HTTP/1.1 503"));
    assert!(get(at, "/broken").starts_with("HTTP/1.1 500"));
    let lost = get(at, "/nowhere");
    assert!(
        lost.starts_with("HTTP/1.1 404")
            && lost.ends_with("nothing here; try /broken, /health, /metrics, /ready\n"),
        "{lost}"
    );
    let post = ask(
        at,
        "POST /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    );
    assert!(
        post.starts_with("HTTP/1.1 405") && post.contains("allow: GET, HEAD\r\n"),
        "{post}"
    );
    let head = ask(
        at,
        "HEAD /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    assert!(
        head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    let nonsense = ask(at, "\0\0\0\r\n\r\n");
    assert!(nonsense.starts_with("HTTP/1.1 400"), "{nonsense}");
}

#[test]
fn a_connection_is_kept_for_the_next_scrape() {
    let server = builder(&Registry::new())
        .route("/health", || Reply::text("ok"))
        .start(any_port())
        .unwrap();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    for _ in 0..3 {
        stream
            .write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\nok") {
            stream.read_exact(&mut byte).unwrap();
            answer.extend(byte);
        }
    }
    // Stopping does not wait for idle connections.
    server.stop().unwrap();
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
}

#[test]
fn a_taken_port_is_refused_in_one_sentence_that_names_it_and_what_to_do() {
    let taken = TcpListener::bind(any_port()).unwrap();
    let address = taken.local_addr().unwrap();
    let error = builder(&Registry::new()).start(address).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressTaken);
    assert_eq!(
        error.to_string(),
        format!(
            "cannot serve metrics: {address} is taken; stop what listens there or choose another address (port 0 finds a free port)"
        )
    );
    let elsewhere = SocketAddr::from(([203, 0, 113, 1], 0));
    let error = builder(&Registry::new()).start(elsewhere).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Listen);
}

#[test]
fn after_a_stop_the_port_is_free_and_a_drop_is_a_stop() {
    let server = builder(&Registry::new()).start(any_port()).unwrap();
    let address = server.address();
    drop(server);
    assert!(TcpStream::connect(address).is_err());
    builder(&Registry::new())
        .start(address)
        .unwrap()
        .stop()
        .unwrap();
}

#[test]
fn more_connections_than_there_are_slots_wait_for_their_turn() {
    let server = builder(&Registry::new()).start(any_port()).unwrap();
    let idle: Vec<_> = (0..64)
        .map(|_| TcpStream::connect(server.address()).unwrap())
        .collect();
    let mut late = TcpStream::connect(server.address()).unwrap();
    late.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    drop(idle);
    let mut answer = String::new();
    late.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn what_has_no_route_may_be_answered_by_more_of_the_request_than_its_path() {
    let server = builder(&Registry::new())
        .otherwise(|request| {
            let query = request.uri().query()?;
            Some(Response::new(Bytes::from(query.to_owned())))
        })
        .start(any_port())
        .unwrap();
    assert!(get(server.address(), "/livez?verbose").ends_with("\r\n\r\nverbose"));
    assert!(get(server.address(), "/livez").starts_with("HTTP/1.1 404 "));
    let metrics = get(server.address(), "/metrics?verbose");
    assert!(metrics.contains("content-type: text/plain; version=0.0.4"));
    server.stop().unwrap();
}

#[test]
fn a_scraper_gets_the_format_that_it_prefers_compressed_if_it_likes() {
    let registry = Registry::new();
    registry.instrument(&HELD).add(5);
    let seen = registry.family(&crate::SEEN);
    (0..100).for_each(|kind| seen.with(&[&kind.to_string()]).increment());
    let server = builder(&registry).start(any_port()).unwrap();
    for (accept, content_type, last) in [
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
            Format::OpenMetrics.content_type(),
            "\n# EOF\n",
        ),
        ("text/plain", Format::Classic.content_type(), "_total 0\n"),
    ] {
        for coding in ["", "accept-encoding: gzip\r\n"] {
            let request = format!(
                "GET /metrics HTTP/1.1\r\nhost: x\r\naccept: {accept}\r\n{coding}connection: close\r\n\r\n"
            );
            let mut stream = TcpStream::connect(server.address()).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
            let head = String::from_utf8(answer[..end].to_vec()).unwrap();
            assert!(
                head.contains(&format!("content-type: {content_type}\r\n")),
                "{head}"
            );
            assert!(head.contains("vary: accept, accept-encoding"), "{head}");
            assert_eq!(
                head.contains("content-encoding: gzip"),
                !coding.is_empty(),
                "{head}"
            );
            let mut body = String::new();
            if coding.is_empty() {
                body = String::from_utf8(answer[end + 4..].to_vec()).unwrap();
            } else {
                let mut reader = flate2::read::GzDecoder::new(&answer[end + 4..]);
                reader.read_to_string(&mut body).unwrap();
            }
            assert!(
                body.contains("\napp_held 5\n") && body.ends_with(last),
                "{body}"
            );
        }
    }
}

#[test]
fn a_short_answer_is_not_compressed() {
    let server = builder(&Registry::new()).route("/health", || Reply::text("ok"));
    let server = server.start(any_port()).unwrap();
    let answer = ask(
        server.address(),
        "GET /health HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n",
    );
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
}
