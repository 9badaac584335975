//! Clients that stall. Timeouts are short here; that a client is closed is waited for, and no time is measured.

use std::time::Duration;

use counterfoil_collector::routes::closed;
use counterfoil_collector::server::ServerLimits;

use super::serving::{Serving, routes};

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(3_600);
const GET: &str = "GET /missing HTTP/1.1\r\nhost: x\r\n\r\n";

/// A server that is patient in everything but what `change` says.
fn patient(change: impl FnOnce(&mut ServerLimits)) -> Serving {
    let mut limits = ServerLimits::default();
    limits.head = LONG;
    limits.idle = LONG;
    limits.body.stall = LONG;
    limits.body.grace = LONG;
    limits.write_stall = LONG;
    change(&mut limits);
    Serving::start(closed(routes()), limits, None)
}

#[test]
fn clients_that_send_nothing_or_a_part_of_a_head_are_closed() {
    let serving = patient(|limits| limits.head = SHORT);
    for begun in ["", "G", "GET /who HTTP/1.1\r\nhost: x\r\n"] {
        let mut client = serving.client();
        client.send(begun.as_bytes());
        client.until_closed();
    }
}

#[test]
fn a_second_head_that_stays_unfinished_is_closed_too() {
    let serving = patient(|limits| limits.head = SHORT);
    let mut client = serving.client();
    assert_eq!(client.ask(GET).status, 404);
    client.send(b"GET /mi");
    client.until_closed();
}

#[test]
fn a_connection_without_a_further_request_is_closed() {
    let serving = patient(|limits| limits.idle = SHORT);
    let mut client = serving.client();
    assert_eq!(client.ask(GET).status, 404);
    client.until_closed();
}

#[test]
fn a_body_that_stops_is_refused() {
    let serving = patient(|limits| limits.body.stall = SHORT);
    for begun in [
        "POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n1234",
        "POST /length HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n",
    ] {
        let answer = serving.client().ask(begun);
        assert_eq!(answer.status, 408, "{answer:?}");
        assert!(answer.body.contains("\"code\":\"too_slow\""), "{answer:?}");
    }
}

#[test]
fn a_body_that_drips_is_refused() {
    let serving = patient(|limits| {
        limits.body.grace = Duration::ZERO;
        limits.body.bytes_per_second = 1 << 40;
    });
    let mut client = serving.client();
    client.send(b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n");
    while client.try_send(b"1") {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_client_that_takes_no_answer_is_closed() {
    let serving = patient(|limits| {
        limits.write_stall = SHORT;
        limits.head_bytes = 1 << 20;
    });
    let mut client = serving.client();
    // The answer is as long as the header; asked often enough and never read, it fills every buffer between the two.
    let request = format!(
        "GET /seen HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    while client.try_send(request.as_bytes()) {}
}

#[test]
fn too_large_and_too_many_headers_are_refused() {
    let serving = patient(|_| {});
    let bomb = format!(
        "GET /seen HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    let mut client = serving.client();
    client.try_send(bomb.as_bytes());
    let said = client.until_closed();
    assert!(said.is_empty() || said.contains(" 431 "), "{said}");
    let many = format!(
        "GET /seen HTTP/1.1\r\nhost: x\r\n{}\r\n",
        "a: b\r\n".repeat(100)
    );
    let said = {
        let mut client = serving.client();
        client.try_send(many.as_bytes());
        client.until_closed()
    };
    assert!(said.contains(" 431 "), "{said}");
}

#[test]
fn a_connection_beyond_those_of_one_address_is_closed_and_the_others_go_on() {
    let serving = patient(|limits| limits.connections_per_address = 2);
    let mut kept: Vec<_> = (0..2).map(|_| serving.client()).collect();
    assert!(kept.iter_mut().all(|client| client.ask(GET).status == 404));
    assert_eq!(serving.client().until_closed(), "");
    assert!(kept.iter_mut().all(|client| client.ask(GET).status == 404));
    drop(kept);
    // The places are free once the server has seen that the others went.
    loop {
        let mut client = serving.client();
        if client.try_send(GET.as_bytes()) && client.until_answered_or_closed().contains(" 404 ") {
            break;
        }
    }
}

#[test]
fn a_request_under_way_is_answered_while_the_server_drains() {
    let mut serving = patient(|_| {});
    let mut client = serving.client();
    client.send(
        b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n",
    );
    assert_eq!(client.answer().status, 100);
    serving.ask_to_stop();
    client.send(b"1234");
    assert_eq!(client.answer().body, "4 bytes");
    client.until_closed();
    assert_eq!(serving.ended().cut, 0);
}

#[test]
fn a_request_that_outlasts_the_drain_is_cut_and_counted() {
    let serving = patient(|limits| limits.drain = SHORT);
    let mut client = serving.client();
    client.send(
        b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n",
    );
    assert_eq!(client.answer().status, 100);
    assert_eq!(serving.ended().cut, 1);
    client.until_closed();
}
