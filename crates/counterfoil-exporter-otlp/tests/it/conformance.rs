//! The exporter keeps the contract over both protocols.

use counterfoil_exporter_otlp::{OtlpExporter, Target};
use counterfoil_testkit::exporter::{conformance, failing};
use counterfoil_testkit::otlp::{GrpcReceiver, GrpcReply, HttpReceiver, HttpReply};
use tonic::Status;

use crate::support::exporter;

fn http(receiver: &HttpReceiver) -> OtlpExporter {
    exporter(|path| Target::http(&format!("{}/{path}", receiver.endpoint())).unwrap())
}

fn grpc(receiver: &GrpcReceiver) -> OtlpExporter {
    exporter(|_| Target::grpc(&receiver.endpoint()).unwrap())
}

#[test]
fn over_http() {
    conformance(|| {
        let receiver = HttpReceiver::start([]);
        (http(&receiver), move || receiver.received().items())
    });
    let refusing = HttpReceiver::start(vec![HttpReply::status(400); 20]);
    failing(|| http(&refusing));
}

#[test]
fn over_grpc() {
    conformance(|| {
        let receiver = GrpcReceiver::start([]);
        (grpc(&receiver), move || receiver.received().items())
    });
    let refusal = GrpcReply::Status(Status::invalid_argument("no"));
    let refusing = GrpcReceiver::start(vec![refusal; 20]);
    failing(|| grpc(&refusing));
}
