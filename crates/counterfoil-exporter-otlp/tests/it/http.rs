//! Each way in which HTTP goes wrong.

use std::time::Duration;

use counterfoil_core::Timestamp;
use counterfoil_exporter::{Batch, Error, ErrorKind, Exporter, Limit, Retry, RetryPolicy};
use counterfoil_exporter_otlp::{OtlpExporter, Resource, Target};
use counterfoil_testkit::FakeClock;
use counterfoil_testkit::exporter::batches;
use counterfoil_testkit::otlp::{HttpReceiver, HttpReply};

use crate::support::{Notes, exporter, in_a_minute, lines, nobody};

fn target(endpoint: &str) -> Target {
    Target::http(&format!("{endpoint}/v1/logs")).unwrap()
}

fn logs(endpoint: &str) -> OtlpExporter {
    exporter(|_| target(endpoint))
}

/// What one export of three lines comes to.
fn outcome(reply: HttpReply) -> Error {
    let receiver = HttpReceiver::start([reply]);
    let error = logs(&receiver.endpoint()).export(lines(1..=3)).unwrap_err();
    assert_eq!(
        receiver.received().requests.len(),
        1,
        "one call is one attempt"
    );
    error
}

#[test]
fn a_refused_connection_is_worth_another_try() {
    let error = logs(&nobody()).export(lines([1])).unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (ErrorKind::Unavailable, true)
    );
    assert!(error.to_string().contains("http://127.0.0.1:"), "{error}");
    assert_eq!(error.undelivered(1), 1);
}

#[test]
fn a_receiver_that_does_not_answer_is_given_up() {
    let receiver = HttpReceiver::start([HttpReply::Never]);
    let target = target(&receiver.endpoint()).timeout(Duration::from_millis(50));
    let exporter = exporter(|_| target.clone());
    let error = exporter.export(lines([1])).unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (ErrorKind::Timeout, true)
    );
}

#[test]
fn only_the_statuses_of_the_specification_are_worth_another_try() {
    for status in [429, 502, 503, 504] {
        let error = outcome(HttpReply::status(status));
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{status}");
        assert_eq!(error.retry_after(), None);
    }
    for status in [301, 307, 400, 401, 403, 404, 408, 413, 415, 500, 501, 505] {
        let reply = HttpReply::status(status).with_header("location", "http://127.0.0.1:1/");
        let error = outcome(reply);
        assert_eq!(
            (error.kind(), error.is_retryable()),
            (ErrorKind::Rejected, false),
            "{status}"
        );
        assert!(error.to_string().contains(&status.to_string()), "{error}");
        assert_eq!(error.undelivered(3), 3);
    }
}

#[test]
fn retry_after_is_a_number_of_seconds_or_a_date() {
    let clock = FakeClock::new();
    clock.set_utc(Timestamp::from_unix_seconds(784_111_777));
    let replies = [
        ("7", Some(7)),
        ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
        ("Sun, 06 Nov 1994 08:49:07 GMT", Some(0)),
        ("soon", None),
        ("-1", None),
    ];
    let script = replies.map(|(value, _)| HttpReply::status(503).with_header("retry-after", value));
    let receiver = HttpReceiver::start(script);
    let exporter = OtlpExporter::builder(Resource::new("test"))
        .logs(target(&receiver.endpoint()))
        .clock(clock)
        .build()
        .unwrap();
    for (value, seconds) in replies {
        let error = exporter.export(lines([1])).unwrap_err();
        assert_eq!(
            error.retry_after(),
            seconds.map(Duration::from_secs),
            "{value}"
        );
    }
}

#[test]
fn a_retry_waits_as_long_as_it_is_asked_to_and_delivers_once() {
    let receiver = HttpReceiver::start([
        HttpReply::status(503).with_header("retry-after", "9"),
        HttpReply::status(429),
    ]);
    let notes = Notes::default();
    let policy = RetryPolicy::new().first_delay(Duration::from_millis(100));
    let retry = Retry::new(logs(&receiver.endpoint()), policy).with_pacer(notes.clone());
    retry.export(lines(1..=3)).unwrap();
    assert_eq!(
        *notes.0.lock().unwrap(),
        [9_100, 200].map(Duration::from_millis)
    );
    assert_eq!(receiver.received().items(), 3);
}

#[test]
fn partial_success_is_counted_exactly_and_not_sent_again() {
    let partial = HttpReply::Partial {
        rejected: 2,
        message: "too old\u{1b}[2J".to_owned(),
    };
    let receiver = HttpReceiver::start([partial]);
    let retry = Retry::new(logs(&receiver.endpoint()), RetryPolicy::new());
    let limit = Limit::new(retry, 100).unwrap();
    limit.export(lines(1..=3)).unwrap();
    limit.export(lines([4])).unwrap();
    let told = limit.flush(in_a_minute()).unwrap_err();
    let first = std::error::Error::source(&told).unwrap().to_string();
    assert!(
        first.contains("rejected 2 of 3 log records: too old\\u{1b}[2J"),
        "{first}"
    );
    let counts = limit.counts();
    assert_eq!((counts.offered, counts.exported, counts.failed), (4, 2, 2));
    assert_eq!(receiver.received().items(), 2);
    assert_eq!(receiver.received().requests.len(), 2);
}

#[test]
fn a_rejected_number_beyond_reason_counts_no_more_than_was_sent() {
    let partial = |rejected| HttpReply::Partial {
        rejected,
        message: "warning".to_owned(),
    };
    assert_eq!(outcome(partial(i64::MAX)).undelivered(3), 3);
    let receiver = HttpReceiver::start([partial(0), partial(-5)]);
    let exporter = logs(&receiver.endpoint());
    exporter
        .export(lines([1]))
        .expect("a warning is no rejection");
    exporter
        .export(lines([2]))
        .expect("a negative number is none");
}

#[test]
fn an_answer_that_was_cut_off_is_worth_another_try() {
    let headers =
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 99\r\n";
    for cut in ["", "HTTP/1.1 200", headers, &format!("{headers}\r\n\u{a}")] {
        let error = outcome(HttpReply::Raw(cut.into()));
        assert_eq!(
            (error.kind(), error.is_retryable()),
            (ErrorKind::Unavailable, true),
            "{cut:?}"
        );
    }
}

#[test]
fn an_answer_that_is_no_otlp_is_not_taken_for_success() {
    let page = HttpReply::status(200).with_header("content-type", "text/html");
    let protobuf = HttpReply::status(200).with_header("content-type", "application/x-protobuf");
    for garbage in [
        page.with_body("<html>Log in</html>"),
        protobuf.with_body([0xff; 9]),
        HttpReply::Raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec()),
    ] {
        let error = outcome(garbage.clone());
        assert_eq!(
            (error.kind(), error.is_retryable()),
            (ErrorKind::Protocol, false),
            "{garbage:?}"
        );
    }
}

#[test]
fn an_oversized_answer_is_not_read() {
    let body = vec![0_u8; 80 << 10];
    let taken = HttpReply::status(200).with_body(body.clone());
    assert_eq!(outcome(taken).kind(), ErrorKind::Protocol);
    let refused = outcome(HttpReply::status(503).with_body(body));
    assert_eq!(
        refused.kind(),
        ErrorKind::Unavailable,
        "the status says enough"
    );
    let mut endless = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
    endless.resize(1 << 20, b'x');
    let error = outcome(HttpReply::Raw(endless));
    assert!(
        matches!(error.kind(), ErrorKind::Protocol | ErrorKind::Unavailable),
        "{error:?}"
    );
}

#[test]
fn a_reason_is_repeated_without_our_secrets() {
    // google.rpc.Status with a message.
    let message = "key s3cret-0123456789 is unknown";
    let mut status = vec![0x12, u8::try_from(message.len()).unwrap()];
    status.extend(message.as_bytes());
    let receiver = HttpReceiver::start([HttpReply::status(401).with_body(status)]);
    let target = target(&receiver.endpoint())
        .header("x-api-key", "s3cret-0123456789")
        .unwrap();
    let exporter = exporter(|_| target.clone());
    let error = exporter.export(lines([1])).unwrap_err().to_string();
    assert!(
        error.contains("key [REDACTED] is unknown; look at the headers"),
        "{error}"
    );
}

#[test]
fn a_token_that_comes_back_without_its_scheme_is_not_repeated_either() {
    let message = "token s3cret-0123456789 is invalid";
    let mut status = vec![0x12, u8::try_from(message.len()).unwrap()];
    status.extend(message.as_bytes());
    let receiver = HttpReceiver::start([HttpReply::status(401).with_body(status)]);
    let target = target(&receiver.endpoint())
        .header("authorization", "Bearer s3cret-0123456789")
        .unwrap();
    let exporter = exporter(|_| target.clone());
    let error = exporter.export(lines([1])).unwrap_err().to_string();
    assert!(error.contains("token [REDACTED] is invalid"), "{error}");
}

#[test]
fn a_request_says_what_it_is() {
    let receiver = HttpReceiver::start([]);
    let target = target(&receiver.endpoint())
        .header("Authorization", "Bearer t")
        .unwrap();
    let exporter = exporter(|_| target.clone());
    exporter.export(lines([1])).unwrap();
    let received = receiver.received();
    let [request] = &received.requests[..] else {
        panic!("one request")
    };
    assert_eq!(request.path, "/v1/logs");
    assert_eq!(
        request.header("content-type"),
        Some("application/x-protobuf")
    );
    assert_eq!(request.header("authorization"), Some("Bearer t"));
    assert!(
        request
            .header("user-agent")
            .unwrap()
            .starts_with("counterfoil/")
    );
}

#[test]
fn gzip_makes_the_same_request_smaller() {
    let sent = |gzip: bool| {
        let receiver = HttpReceiver::start([]);
        let plain = target(&receiver.endpoint());
        let target = if gzip { plain.gzip() } else { plain };
        let exporter = exporter(|_| target.clone());
        exporter.export(lines(1..=100)).unwrap();
        let received = receiver.received();
        (received.items(), received.requests[0].len)
    };
    let ((plain_items, plain), (items, compressed)) = (sent(false), sent(true));
    assert_eq!((plain_items, items), (100, 100));
    assert!(compressed * 2 < plain, "{compressed} bytes of {plain}");
}

#[test]
fn it_may_be_called_from_within_a_runtime_of_any_kind() {
    let receiver = HttpReceiver::start([]);
    let exporter = logs(&receiver.endpoint());
    for mut runtime in [
        tokio::runtime::Builder::new_current_thread(),
        tokio::runtime::Builder::new_multi_thread(),
    ] {
        let runtime = runtime.build().unwrap();
        runtime.block_on(async { exporter.export(lines([1])).unwrap() });
    }
    assert_eq!(receiver.received().items(), 2);
}

#[test]
fn signals_without_a_target_are_refused() {
    let exporter = OtlpExporter::builder(Resource::new("test"))
        .traces(Target::http("http://127.0.0.1:1/v1/traces").unwrap())
        .build()
        .unwrap();
    for batch in batches() {
        let error = exporter.export(batch.clone()).unwrap_err();
        let expected = match batch {
            Batch::Spans(_) => ErrorKind::Unavailable,
            _ => ErrorKind::Unsupported,
        };
        assert_eq!(error.kind(), expected);
    }
    let none = OtlpExporter::builder(Resource::new("test")).build();
    assert_eq!(none.unwrap_err().kind(), ErrorKind::InvalidConfig);
}
