//! What a receiver sees of metrics.

use std::sync::Arc;

use counterfoil_core::{
    MetricFamily, MetricKind, MetricSnapshot, MetricValue, Series, SeriesMeta, Timestamp,
};
use counterfoil_exporter::{Batch, Exporter};
use counterfoil_exporter_otlp::{OtlpExporter, Resource, Target};
use counterfoil_testkit::exporter::batches;
use counterfoil_testkit::otlp::{HttpReceiver, Received};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{Metric, exemplar};

const START: u64 = 1_000;

fn exporter(receiver: &HttpReceiver) -> OtlpExporter {
    let target = Target::http(&format!("{}/v1/metrics", receiver.endpoint())).unwrap();
    OtlpExporter::builder(Resource::new("test"))
        .metrics(target)
        .start(Timestamp::from_unix_seconds(START))
        .build()
        .unwrap()
}

fn of_the_suite() -> Received {
    let receiver = HttpReceiver::start([]);
    let metrics = batches()
        .into_iter()
        .find(|it| matches!(it, Batch::Metrics(_)));
    exporter(&receiver).export(metrics.unwrap()).unwrap();
    receiver.received()
}

fn find<'a>(received: &'a Received, name: &str) -> &'a Metric {
    received.metrics().find(|it| it.name == name).unwrap()
}

fn seconds(seconds: u64) -> u64 {
    seconds * 1_000_000_000
}

#[test]
fn counters_are_cumulative_sums_since_the_start() {
    let received = of_the_suite();
    let counter = find(&received, "conformance.counter");
    let Some(Data::Sum(sum)) = &counter.data else {
        panic!("a sum")
    };
    assert_eq!(
        (
            counter.unit.as_str(),
            sum.aggregation_temporality,
            sum.is_monotonic
        ),
        ("By", 2, true)
    );
    let [full, empty] = &sum.data_points[..] else {
        panic!("two points")
    };
    assert_eq!(
        full.value,
        Some(Value::AsDouble(u64::MAX as f64)),
        "beyond OTLP's integers"
    );
    assert_eq!(empty.value, Some(Value::AsInt(0)));
    assert_eq!(empty.start_time_unix_nano, seconds(START));
    assert_eq!(empty.time_unix_nano, seconds(1_700_000_000));
    assert_eq!(Received::text(&empty.attributes, "key"), Some("\"1\n"));
    let Some(Data::Sum(sum)) = &find(&received, "conformance.updowncounter").data else {
        panic!("a sum")
    };
    assert!(!sum.is_monotonic);
    assert_eq!(sum.data_points[0].value, Some(Value::AsInt(i64::MIN)));
}

#[test]
fn gauges_pass_what_is_no_number() {
    let received = of_the_suite();
    let Some(Data::Gauge(gauge)) = &find(&received, "conformance.gauge").data else {
        panic!("a gauge")
    };
    let values: Vec<_> = gauge
        .data_points
        .iter()
        .map(|it| it.value.unwrap())
        .collect();
    assert!(matches!(values[1], Value::AsDouble(value) if value.is_nan()));
    assert_eq!(values[2], Value::AsDouble(f64::INFINITY));
    assert_eq!(
        gauge.data_points[0].start_time_unix_nano, 0,
        "a gauge counts since nothing"
    );
}

#[test]
fn histograms_have_their_buckets_and_exemplars() {
    let received = of_the_suite();
    let Some(Data::Histogram(histogram)) = &find(&received, "conformance.histogram").data else {
        panic!("a histogram")
    };
    let point = &histogram.data_points[0];
    assert_eq!(histogram.aggregation_temporality, 2);
    assert_eq!((point.count, point.sum), (3, Some(12.5)));
    assert_eq!(
        (&*point.bucket_counts, &*point.explicit_bounds),
        (&[1, 0, 2][..], &[0.001, 1.0][..])
    );
    let [exemplar] = &point.exemplars[..] else {
        panic!("one exemplar")
    };
    assert_eq!(exemplar.value, Some(exemplar::Value::AsDouble(0.5)));
    assert_eq!((exemplar.trace_id.len(), exemplar.span_id.len()), (16, 8));
}

#[test]
fn exponential_histograms_go_as_such() {
    let received = of_the_suite();
    let metric = find(&received, "conformance.exponentialhistogram");
    let Some(Data::ExponentialHistogram(histogram)) = &metric.data else {
        panic!("an exponential histogram")
    };
    let point = &histogram.data_points[0];
    assert_eq!(
        (point.scale, point.zero_count, point.sum),
        (3, 1, Some(-0.5))
    );
    let (positive, negative) = (
        point.positive.as_ref().unwrap(),
        point.negative.as_ref().unwrap(),
    );
    assert_eq!(
        (positive.offset, &*positive.bucket_counts),
        (-80, &[1, 0, 2][..])
    );
    assert_eq!((negative.offset, &*negative.bucket_counts), (4, &[1][..]));
    assert_eq!((point.count, point.exemplars.len()), (5, 2));
}

fn counters(time: u64, counts: &[(&str, u64)]) -> Batch {
    let series = counts.iter().map(|(label, count)| Series {
        meta: Arc::new(SeriesMeta {
            labels: vec![("n".into(), (*label).into())],
        }),
        value: MetricValue::Counter(*count),
    });
    let family = MetricFamily {
        name: "requests".into(),
        unit: "1".into(),
        description: "Requests.".into(),
        kind: MetricKind::Counter,
        series: series.collect(),
    };
    let snapshot = MetricSnapshot {
        time: Timestamp::from_unix_seconds(time),
        families: vec![family],
    };
    snapshot.into()
}

/// Label and start, in seconds, of each point of the last request.
fn starts(receiver: &HttpReceiver) -> Vec<(String, u64)> {
    let received = receiver.received();
    let last = &received.metrics.last().unwrap().resource_metrics[0].scope_metrics[0].metrics[0];
    let Some(Data::Sum(sum)) = &last.data else {
        panic!("a sum")
    };
    let start = |point: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| {
        let label = Received::text(&point.attributes, "n").unwrap().to_owned();
        (label, point.start_time_unix_nano / 1_000_000_000)
    };
    sum.data_points.iter().map(start).collect()
}

#[test]
fn a_series_that_begins_or_begins_again_says_since_when() {
    let receiver = HttpReceiver::start([]);
    let exporter = exporter(&receiver);
    let send = |time, counts: &[(&str, u64)]| {
        exporter.export(counters(time, counts)).unwrap();
        let starts = starts(&receiver);
        starts
            .into_iter()
            .map(|(_, start)| start)
            .collect::<Vec<_>>()
    };
    assert_eq!(send(2_000, &[("a", 5)]), [START]);
    assert_eq!(
        send(2_060, &[("a", 6), ("b", 1)]),
        [START, 2_000],
        "b is new since 2000"
    );
    assert_eq!(
        send(2_060, &[("b", 1)]),
        [2_000],
        "the same again changes nothing"
    );
    assert_eq!(send(2_120, &[("a", 7)]), [START], "b is away");
    assert_eq!(
        send(2_180, &[("a", 2), ("b", 9)]),
        [2_120, 2_120],
        "a went down, and b is back"
    );
    assert_eq!(send(2_240, &[("a", 3), ("b", 9)]), [2_120, 2_120]);
}
