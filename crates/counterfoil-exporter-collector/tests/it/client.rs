//! The client says what a collector says.

use std::time::Duration;

use counterfoil_audit::AuditLog;
use counterfoil_core::{ChainId, Digest, SealedLine};
use counterfoil_exporter_collector::{Client, ErrorKind, Key, checkpoint_line};

use crate::support::{FakeCollector, KEY, Reply};

fn chain() -> ChainId {
    "audit.example.com/leases/1".parse().unwrap()
}

/// The lines that a log has sealed about itself.
fn lines() -> Vec<SealedLine> {
    let directory = tempfile::tempdir().unwrap();
    let log = AuditLog::builder(directory.path().join("audit"), "audit.example.com/leases")
        .open()
        .unwrap();
    let mut follow = log.follow(0);
    log.close(Duration::from_secs(60));
    follow.read(100).unwrap()
}

fn body(lines: &[SealedLine]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.bytes.clone()).collect()
}

#[test]
fn a_chain_is_registered_asked_for_and_extended() {
    let collector = FakeCollector::start();
    let client = collector.client();
    let unknown = client.head(&chain()).unwrap_err();
    assert_eq!(unknown.reason(), "not_found");
    client.register(&chain(), Some("log+00000000+AA")).unwrap();
    let head = client.head(&chain()).unwrap();
    assert_eq!((head.seq, head.hash), (0, Digest::ZERO));

    let lines = lines();
    let mut upload = body(&lines);
    upload.extend(checkpoint_line("a note\n\n— log AAAA\n"));
    let acknowledged = client.upload(&chain(), &upload).unwrap();
    let last = lines.last().unwrap();
    assert_eq!((acknowledged.seq, acknowledged.hash), (last.seq, last.hash));
    assert_eq!(acknowledged.known, 0);
    assert_eq!(client.upload(&chain(), &upload).unwrap().known, last.seq);

    let state = collector.state();
    let registered = state.registered.clone().unwrap();
    assert_eq!(registered["verifier_key"], "log+00000000+AA");
    assert_eq!(state.checkpoints[0], "a note\n\n— log AAAA\n");
    assert!(state.keys.iter().all(|it| *it == format!("Bearer {KEY}")));
    assert_eq!(state.keys.len(), 5);
}

#[test]
fn what_is_sent_uncompressed_arrives_as_well() {
    let collector = FakeCollector::start();
    let client = Client::builder(collector.url())
        .gzip(false)
        .build()
        .unwrap();
    let lines = lines();
    let acknowledged = client.upload(&chain(), &body(&lines)).unwrap();
    assert_eq!(acknowledged.seq, lines.len() as u64);
    assert_eq!(collector.state().keys, Vec::<String>::new());
}

#[test]
fn a_refusal_comes_with_its_code_and_the_head_to_go_on_from() {
    let collector = FakeCollector::start();
    let lines = lines();
    let client = collector.client();
    client.upload(&chain(), &body(&lines[..1])).unwrap();
    // Record 2 is left out.
    let gap = [lines[0].clone(), other_log_line(3)];
    let error = client.upload(&chain(), &body(&gap)).unwrap_err();
    assert_eq!(
        (error.kind(), error.reason()),
        (ErrorKind::Refused, "sequence")
    );
    assert!(!error.is_retryable());
    let refusal = error.refusal().unwrap();
    assert_eq!(
        (refusal.status, refusal.seq, refusal.acknowledged),
        (409, Some(3), Some(1))
    );
    assert_eq!(refusal.expected, Some((1, lines[0].hash)));
}

/// Record `seq` of a log with more records than [`lines`].
fn other_log_line(seq: u64) -> SealedLine {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        AuditLog::builder(directory.path().join("audit"), "audit.example.com/leases")
            .open()
            .unwrap()
    };
    open().close(Duration::from_secs(60));
    let log = open();
    let mut follow = log.follow(seq - 1);
    log.close(Duration::from_secs(60));
    follow.read(1).unwrap().remove(0)
}

#[test]
fn an_overloaded_collector_says_when_to_come_again() {
    let collector = FakeCollector::start();
    let client = collector.client();
    for (status, code) in [
        (429, "rate_limited"),
        (503, "overloaded"),
        (507, "disk_full"),
    ] {
        let reply = Reply {
            retry_after: Some(7),
            ..Reply::problem(status, code)
        };
        collector.script([reply]);
        let error = client.upload(&chain(), b"\n").unwrap_err();
        assert_eq!((error.reason(), error.is_retryable()), (code, true));
        assert_eq!(
            error.refusal().unwrap().retry_after,
            Some(Duration::from_secs(7))
        );
    }
}

#[test]
fn what_a_collector_says_is_bounded_escaped_and_without_the_key() {
    let collector = FakeCollector::start();
    let client = collector.client();
    let detail = format!("{KEY} \u{1b}[31m{}", "x".repeat(5_000));
    let body = serde_json::json!({"code": "not a code!", "detail": detail}).to_string();
    collector.script([Reply {
        body,
        ..Reply::problem(422, "")
    }]);
    let error = client.upload(&chain(), b"\n").unwrap_err();
    let said = error.to_string();
    assert!(
        !said.contains(KEY) && !said.contains('\u{1b}') && said.len() < 1_000,
        "{said}"
    );
    assert_eq!(error.reason(), "refused");
    assert!(!format!("{client:?}").contains(KEY));
}

#[test]
fn an_endless_answer_is_not_read() {
    let collector = FakeCollector::start();
    let body = "x".repeat(1 << 20);
    collector.script([Reply {
        body,
        ..Reply::problem(200, "")
    }]);
    let error = collector.client().upload(&chain(), b"\n").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[test]
fn what_answers_and_is_no_collector_is_told_apart_from_one_that_is_away() {
    let collector = FakeCollector::start();
    let body = "<html>hello</html>".to_owned();
    collector.script([Reply {
        body,
        ..Reply::problem(200, "")
    }]);
    let error = collector.client().upload(&chain(), b"\n").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let client = Client::builder(url).build().unwrap();
    let error = client.head(&chain()).unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (ErrorKind::Unreachable, true)
    );
}

#[test]
fn addresses_and_keys_that_cannot_be_used_are_refused_at_once() {
    for url in [
        "",
        "collector",
        "ftp://c.example",
        "http://u:p@c.example",
        "http://c.example/?k=1",
    ] {
        let error = Client::builder(url).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{url}");
        assert!(!error.to_string().contains("u:p"));
    }
    for key in ["", " ", "two words", "line\nbreak", "é"] {
        assert!(Key::new(key).is_err(), "{key:?}");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "cfk_acme_1\n").unwrap();
    let key = Key::from_file(file.path()).unwrap();
    assert!(!format!("{key:?}").contains("acme"));
}

#[test]
fn a_key_is_not_sent_over_plain_http_to_another_host_unless_that_is_allowed() {
    let key = || Key::new("cfk_acme_1").unwrap();
    let far = || Client::builder("http://collector.example:9468");
    let error = far().key(key()).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    let text = error.to_string();
    assert!(text.contains("https") && !text.contains("cfk_"), "{text}");
    far().build().expect("without a key nothing is given away");
    far().key(key()).plaintext(true).build().unwrap();
    Client::builder("http://[::1]:9468")
        .key(key())
        .build()
        .unwrap();
}
