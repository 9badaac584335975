//! Each way in which gRPC goes wrong.

use std::time::Duration;

use counterfoil_exporter::{Error, ErrorKind, Exporter, Retry, RetryPolicy};
use counterfoil_exporter_otlp::{OtlpExporter, Target};
use counterfoil_testkit::otlp::{GrpcReceiver, GrpcReply, HttpReceiver, HttpReply};
use tonic::{Code, Status};

use crate::support::{Notes, exporter, lines, nobody};

fn logs(endpoint: &str) -> OtlpExporter {
    exporter(|_| Target::grpc(endpoint).unwrap())
}

fn outcome(reply: GrpcReply) -> Error {
    let receiver = GrpcReceiver::start([reply]);
    let error = logs(&receiver.endpoint()).export(lines(1..=3)).unwrap_err();
    assert_eq!(
        receiver.received().requests.len(),
        1,
        "one call is one attempt"
    );
    error
}

/// `google.rpc.Status` with a `RetryInfo` of this many seconds.
fn retry_info(seconds: u8) -> Vec<u8> {
    let url = b"type.googleapis.com/google.rpc.RetryInfo";
    let delay = [0x0a, 2, 0x08, seconds];
    let mut any = vec![0x0a, url.len() as u8];
    any.extend(url);
    any.extend([0x12, delay.len() as u8]);
    any.extend(delay);
    let mut status = vec![0x1a, any.len() as u8];
    status.extend(any);
    status
}

fn status(code: Code, details: Vec<u8>) -> GrpcReply {
    GrpcReply::Status(Status::with_details(code, "because", details.into()))
}

#[test]
fn a_refused_connection_is_worth_another_try_and_made_again() {
    let exporter = logs(&nobody());
    for _ in 0..2 {
        let error = exporter.export(lines([1])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    }
}

#[test]
fn a_receiver_that_does_not_answer_is_given_up() {
    let receiver = GrpcReceiver::start([GrpcReply::Never]);
    let target = Target::grpc(&receiver.endpoint()).unwrap();
    let exporter = exporter(|_| target.clone().timeout(Duration::from_millis(50)));
    assert_eq!(
        exporter.export(lines([1])).unwrap_err().kind(),
        ErrorKind::Timeout
    );
    exporter
        .export(lines([2]))
        .expect("the call after it is another one");
}

#[test]
fn only_the_codes_of_the_specification_are_worth_another_try() {
    let again = [
        Code::Cancelled,
        Code::DeadlineExceeded,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unavailable,
        Code::DataLoss,
    ];
    for code in again {
        let error = outcome(status(code, Vec::new()));
        assert!(error.is_retryable(), "{code:?}: {error:?}");
    }
    let never = [
        Code::Unknown,
        Code::InvalidArgument,
        Code::NotFound,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::FailedPrecondition,
        Code::Unimplemented,
        Code::Internal,
        Code::Unauthenticated,
        Code::ResourceExhausted,
    ];
    for code in never {
        let error = outcome(status(code, Vec::new()));
        assert!(!error.is_retryable(), "{code:?}: {error:?}");
        assert_eq!(error.undelivered(3), 3);
    }
}

#[test]
fn retry_info_says_when_and_makes_exhaustion_worth_another_try() {
    for code in [Code::Unavailable, Code::ResourceExhausted] {
        let error = outcome(status(code, retry_info(7)));
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{code:?}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    }
    let receiver = GrpcReceiver::start([status(Code::ResourceExhausted, retry_info(7))]);
    let (notes, policy) = (Notes::default(), RetryPolicy::new());
    let retry = Retry::new(logs(&receiver.endpoint()), policy).with_pacer(notes.clone());
    retry.export(lines([1])).unwrap();
    assert_eq!(*notes.0.lock().unwrap(), [Duration::from_millis(7_200)]);
    assert_eq!(receiver.received().items(), 1);
}

#[test]
fn partial_success_is_counted_exactly() {
    let partial = GrpcReply::Partial {
        rejected: 2,
        message: "too old".to_owned(),
    };
    let error = outcome(partial);
    assert_eq!(
        (error.kind(), error.undelivered(3)),
        (ErrorKind::Rejected, 2)
    );
    assert!(
        error
            .to_string()
            .contains("rejected 2 of 3 log records: too old"),
        "{error}"
    );
}

#[test]
fn a_connection_that_breaks_off_is_worth_another_try() {
    let empty_settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    for cut in [&[][..], &empty_settings[..4], &empty_settings] {
        let receiver = HttpReceiver::start([HttpReply::Raw(cut.to_vec())]);
        let error = logs(&receiver.endpoint()).export(lines([1])).unwrap_err();
        assert!(error.is_retryable(), "{cut:?}: {error:?}");
    }
}

#[test]
fn a_peer_that_speaks_no_grpc_is_an_error() {
    let receiver = HttpReceiver::start([HttpReply::status(200).with_body("hello")]);
    let error = logs(&receiver.endpoint()).export(lines([1])).unwrap_err();
    assert_eq!(error.undelivered(1), 1);
}

#[test]
fn an_oversized_answer_is_not_read() {
    let error = outcome(GrpcReply::Partial {
        rejected: 0,
        message: "x".repeat(80 << 10),
    });
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (ErrorKind::Protocol, false),
        "{error:?}"
    );
}

#[test]
fn headers_and_compression_reach_the_receiver() {
    let receiver = GrpcReceiver::start([]);
    let target = Target::grpc(&receiver.endpoint()).unwrap().gzip();
    let target = target.header("X-Api-Key", "k").unwrap();
    exporter(|_| target.clone()).export(lines(1..=3)).unwrap();
    let received = receiver.received();
    assert_eq!(received.items(), 3);
    assert_eq!(received.requests[0].header("x-api-key"), Some("k"));
}

#[test]
fn a_header_of_bytes_is_refused_when_the_exporter_is_built() {
    let target = Target::grpc("http://127.0.0.1:1").unwrap();
    let target = target.header("x-bin", "k").unwrap();
    let built = OtlpExporter::builder(counterfoil_exporter_otlp::Resource::new("test"))
        .logs(target)
        .build();
    assert_eq!(built.unwrap_err().kind(), ErrorKind::InvalidConfig);
}

#[test]
fn it_may_be_called_from_within_a_runtime_of_any_kind() {
    let receiver = GrpcReceiver::start([]);
    let exporter = logs(&receiver.endpoint());
    exporter.export(lines([1])).unwrap();
    for mut runtime in [
        tokio::runtime::Builder::new_current_thread(),
        tokio::runtime::Builder::new_multi_thread(),
    ] {
        let runtime = runtime.build().unwrap();
        runtime.block_on(async { exporter.export(lines([1])).unwrap() });
    }
    assert_eq!(receiver.received().items(), 3);
}
