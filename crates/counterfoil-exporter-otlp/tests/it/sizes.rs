//! Requests and memory stay bounded, and nothing is lost or doubled by splitting.

use std::sync::Arc;

use counterfoil_core::{
    MetricFamily, MetricKind, MetricSnapshot, MetricValue, Series, SeriesMeta, Timestamp,
};
use counterfoil_exporter::{Batch, ErrorKind, Exporter, Limit, Retry, RetryPolicy};
use counterfoil_exporter_otlp::{OtlpExporter, Resource, Target};
use counterfoil_testkit::exporter::batches;
use counterfoil_testkit::otlp::{HttpReceiver, HttpReply, Received};
use proptest::prelude::*;

use crate::support::{Notes, in_a_minute, lines};

const MAX: usize = 1_000;

fn small(receiver: &HttpReceiver) -> OtlpExporter {
    let to = |path: &str| Target::http(&format!("{}/{path}", receiver.endpoint())).unwrap();
    OtlpExporter::builder(Resource::new("test"))
        .traces(to("v1/traces"))
        .metrics(to("v1/metrics"))
        .logs(to("v1/logs"))
        .max_request_bytes(MAX)
        .build()
        .unwrap()
}

/// Numbers of the sealed lines that arrived, in order.
fn seqs(received: &Received) -> Vec<u64> {
    let seq = |body: &str| {
        body.trim_matches(|c: char| !c.is_ascii_digit())
            .parse()
            .unwrap()
    };
    let bodies = received
        .log_records()
        .map(|it| it.body.clone().unwrap().value.unwrap());
    let texts = bodies.map(|it| match it {
        opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(text) => text,
        other => panic!("{other:?}"),
    });
    texts.map(|text| seq(&text)).collect()
}

#[test]
fn a_large_batch_becomes_requests_that_are_each_below_the_limit() {
    let receiver = HttpReceiver::start([]);
    let exporter = small(&receiver);
    exporter.export(lines(1..=100)).unwrap();
    let received = receiver.received();
    assert!(received.requests.len() > 10);
    assert!(received.requests.iter().all(|it| it.len <= MAX));
    assert_eq!(seqs(&received), (1..=100).collect::<Vec<_>>());
}

#[test]
fn every_signal_is_split_without_loss() {
    let receiver = HttpReceiver::start([]);
    let exporter = small(&receiver);
    let mut items = 0;
    for batch in batches() {
        if let Err(error) = exporter.export(batch.clone()) {
            // The suite's fullest span and log record do not fit into so small a request.
            items += batch.len() - error.undelivered(batch.len() as u64) as usize;
        } else {
            items += batch.len();
        }
    }
    let received = receiver.received();
    assert!(received.requests.iter().all(|it| it.len <= MAX));
    assert_eq!(received.items(), items);
}

#[test]
fn an_item_that_never_fits_is_left_out_and_counted() {
    let receiver = HttpReceiver::start([]);
    let limit = Limit::new(small(&receiver), 100).unwrap();
    let long = counterfoil_core::SealedLine {
        seq: 2,
        hash: counterfoil_core::Digest::ZERO,
        bytes: vec![b'x'; 2 * MAX],
    };
    let Batch::Sealed(around) = lines([1, 3]) else {
        panic!("sealed")
    };
    let batch = vec![long.clone(), around[0].clone(), long, around[1].clone()];
    limit.export(batch.into()).unwrap();
    let told = limit.flush(in_a_minute()).unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Lost);
    let counts = limit.counts();
    assert_eq!((counts.offered, counts.exported, counts.failed), (4, 2, 2));
    assert_eq!(seqs(&receiver.received()), [1, 3]);
}

#[test]
fn after_a_failure_between_two_requests_only_the_rest_is_sent_again() {
    let partial = HttpReply::Partial {
        rejected: 1,
        message: String::new(),
    };
    let down = HttpReply::status(503);
    let receiver = HttpReceiver::start([HttpReply::Accept, partial, down.clone(), down]);
    let policy = RetryPolicy::new().attempts(3);
    let retry = Retry::new(small(&receiver), policy).with_pacer(Notes::default());
    let limit = Limit::new(retry, 100).unwrap();
    limit.export(lines(1..=50)).unwrap();
    assert_eq!(
        limit.flush(in_a_minute()).unwrap_err().kind(),
        ErrorKind::Lost
    );
    let received = receiver.received();
    assert_eq!(seqs(&received), (1..=50).collect::<Vec<_>>(), "each once");
    let counts = limit.counts();
    assert_eq!((counts.exported, counts.failed, counts.queued), (49, 1, 0));
}

#[test]
fn what_is_given_up_half_way_is_counted_exactly() {
    let down = HttpReply::status(503);
    let receiver = HttpReceiver::start([HttpReply::Accept, down.clone(), down.clone(), down]);
    let policy = RetryPolicy::new().attempts(3);
    let retry = Retry::new(small(&receiver), policy).with_pacer(Notes::default());
    let limit = Limit::new(retry, 100).unwrap();
    limit.export(lines(1..=50)).unwrap();
    limit.flush(in_a_minute()).unwrap_err();
    let arrived = receiver.received().items() as u64;
    let counts = limit.counts();
    assert!(arrived > 0 && arrived < 50);
    assert_eq!((counts.exported, counts.failed), (arrived, 50 - arrived));
}

fn snapshot(series: &[usize]) -> MetricSnapshot {
    let one = |value: usize| Series {
        meta: Arc::new(SeriesMeta {
            labels: vec![("n".into(), value.to_string().into())],
        }),
        value: MetricValue::Counter(value as u64),
    };
    let family = |(n, count): (usize, &usize)| MetricFamily {
        name: format!("family.{n}").into(),
        unit: "1".into(),
        description: "x".repeat(n * 40).into(),
        kind: MetricKind::Counter,
        series: (0..*count).map(one).collect(),
    };
    MetricSnapshot {
        time: Timestamp::from_unix_seconds(1_700_000_000),
        families: series.iter().enumerate().map(family).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn series_are_split_across_families_without_loss(series in prop::collection::vec(0_usize..30, 0..6)) {
        let receiver = HttpReceiver::start([]);
        small(&receiver).export(snapshot(&series).into()).unwrap();
        let received = receiver.received();
        prop_assert!(received.requests.iter().all(|it| it.len <= MAX));
        prop_assert_eq!(received.items(), series.iter().sum::<usize>());
    }
}
