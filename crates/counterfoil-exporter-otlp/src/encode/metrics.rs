//! Metrics: cumulative sums, gauges and histograms.

use std::ops::Range;

use counterfoil_core::{
    Exemplar, ExponentialBuckets, ExponentialHistogramValue, HistogramValue, MetricFamily,
    MetricKind, MetricSnapshot, MetricValue, Series, SeriesMeta, Timestamp,
};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::exemplar::Value as ExemplarValue;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar as ExemplarMessage, ExponentialHistogram,
    ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::starts::Starts;
use super::{Chunk, FRAME, scope, values};
use crate::request::Request;

const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;
const SCOPE: &str = "counterfoil.metrics";

/// One series as a point of its metric.
enum Point {
    Number(NumberDataPoint),
    Histogram(HistogramDataPoint),
    Exponential(ExponentialHistogramDataPoint),
}

/// The request that begins with the series `range.start`; an item is a data point.
pub(super) fn chunk(
    snapshot: &MetricSnapshot,
    starts: &Starts,
    range: Range<usize>,
    room: usize,
    resource: impl FnOnce() -> Option<Resource>,
) -> Chunk {
    let (mut metrics, mut left) = (
        Vec::<Metric>::new(),
        room.saturating_sub(3 * FRAME + SCOPE.len()),
    );
    let mut chunk = Chunk {
        request: None,
        items: 0,
        oversized: 0,
        end: range.end,
    };
    let families = snapshot.families.iter();
    let all = families.flat_map(|family| family.series.iter().map(move |series| (family, series)));
    for (at, (family, series)) in all.enumerate().skip(range.start) {
        let point = point(family, series, starts, snapshot.time);
        let begun = metrics.last().is_some_and(|it| *it.name == *family.name);
        let size = point.size() + if begun { 0 } else { head_size(family) };
        if size <= left {
            left -= size;
            chunk.items += 1;
            if !begun {
                metrics.push(head(family));
            }
            if let Some(metric) = metrics.last_mut() {
                point.push_to(metric);
            }
        } else if chunk.items == 0 {
            chunk.oversized += 1;
        } else {
            chunk.end = at;
            break;
        }
    }
    chunk.request = (chunk.items > 0).then(|| request(resource(), metrics));
    chunk
}

fn request(resource: Option<Resource>, metrics: Vec<Metric>) -> Request {
    let scope_metrics = ScopeMetrics {
        scope: scope(SCOPE),
        metrics,
        ..ScopeMetrics::default()
    };
    let metrics = ResourceMetrics {
        resource,
        scope_metrics: vec![scope_metrics],
        ..ResourceMetrics::default()
    };
    Request::Metrics(ExportMetricsServiceRequest {
        resource_metrics: vec![metrics],
    })
}

fn head_size(family: &MetricFamily) -> usize {
    6 * FRAME + family.name.len() + family.description.len() + family.unit.len()
}

/// A metric without points.
fn head(family: &MetricFamily) -> Metric {
    let sum = |is_monotonic| {
        Data::Sum(Sum {
            data_points: Vec::new(),
            aggregation_temporality: CUMULATIVE,
            is_monotonic,
        })
    };
    let data = match family.kind {
        MetricKind::Counter => sum(true),
        MetricKind::UpDownCounter => sum(false),
        MetricKind::Gauge => Data::Gauge(Gauge::default()),
        MetricKind::Histogram => Data::Histogram(Histogram {
            data_points: Vec::new(),
            aggregation_temporality: CUMULATIVE,
        }),
        MetricKind::ExponentialHistogram => Data::ExponentialHistogram(ExponentialHistogram {
            data_points: Vec::new(),
            aggregation_temporality: CUMULATIVE,
        }),
    };
    Metric {
        name: (*family.name).to_owned(),
        description: (*family.description).to_owned(),
        unit: (*family.unit).to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn point(family: &MetricFamily, series: &Series, starts: &Starts, time: Timestamp) -> Point {
    let start = starts.of(&family.name, &series.meta);
    let number = |value, start: Timestamp| {
        Point::Number(NumberDataPoint {
            attributes: attributes(&series.meta),
            start_time_unix_nano: start.unix_nanos(),
            time_unix_nano: time.unix_nanos(),
            value: Some(value),
            ..NumberDataPoint::default()
        })
    };
    match &series.value {
        MetricValue::Counter(count) => number(whole(*count), start),
        MetricValue::FloatCounter(count) => number(Value::AsDouble(*count), start),
        MetricValue::UpDownCounter(sum) => number(Value::AsInt(*sum), start),
        MetricValue::Gauge(value) => number(Value::AsDouble(*value), Timestamp::default()),
        MetricValue::Histogram(value) => {
            Point::Histogram(histogram(value, attributes(&series.meta), start, time))
        }
        MetricValue::ExponentialHistogram(value) => {
            Point::Exponential(exponential(value, attributes(&series.meta), start, time))
        }
    }
}

/// OTLP's integers are signed; beyond them a counter goes on as a double.
fn whole(count: u64) -> Value {
    i64::try_from(count).map_or(Value::AsDouble(count as f64), Value::AsInt)
}

fn histogram(
    value: &HistogramValue,
    attributes: Vec<KeyValue>,
    start: Timestamp,
    time: Timestamp,
) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes,
        start_time_unix_nano: start.unix_nanos(),
        time_unix_nano: time.unix_nanos(),
        count: value.count(),
        sum: Some(value.sum),
        bucket_counts: value.counts.clone(),
        explicit_bounds: value.bounds.to_vec(),
        exemplars: value.exemplars.iter().map(exemplar).collect(),
        ..HistogramDataPoint::default()
    }
}

fn exponential(
    value: &ExponentialHistogramValue,
    attributes: Vec<KeyValue>,
    start: Timestamp,
    time: Timestamp,
) -> ExponentialHistogramDataPoint {
    ExponentialHistogramDataPoint {
        attributes,
        start_time_unix_nano: start.unix_nanos(),
        time_unix_nano: time.unix_nanos(),
        count: value.count(),
        sum: Some(value.sum),
        scale: value.scale,
        zero_count: value.zero_count,
        positive: Some(buckets(&value.positive)),
        negative: Some(buckets(&value.negative)),
        exemplars: value.exemplars.iter().map(exemplar).collect(),
        ..ExponentialHistogramDataPoint::default()
    }
}

/// Core numbers buckets as OTLP does.
fn buckets(buckets: &ExponentialBuckets) -> Buckets {
    Buckets {
        offset: buckets.offset,
        bucket_counts: buckets.counts.clone(),
    }
}

fn exemplar(exemplar: &Exemplar) -> ExemplarMessage {
    ExemplarMessage {
        time_unix_nano: exemplar.time.unix_nanos(),
        span_id: exemplar.span_id.as_bytes().to_vec(),
        trace_id: exemplar.trace_id.as_bytes().to_vec(),
        value: Some(ExemplarValue::AsDouble(exemplar.value)),
        ..ExemplarMessage::default()
    }
}

fn attributes(meta: &SeriesMeta) -> Vec<KeyValue> {
    let labels = meta.labels.iter();
    labels
        .map(|(key, value)| values::key_value(key, values::text(value)))
        .collect()
}

impl Point {
    fn size(&self) -> usize {
        FRAME
            + match self {
                Self::Number(point) => point.encoded_len(),
                Self::Histogram(point) => point.encoded_len(),
                Self::Exponential(point) => point.encoded_len(),
            }
    }

    /// A family's series are all of its kind; one that is not is left out rather than shown as what it is not.
    fn push_to(self, metric: &mut Metric) {
        match (self, &mut metric.data) {
            (Self::Number(point), Some(Data::Sum(sum))) => sum.data_points.push(point),
            (Self::Number(point), Some(Data::Gauge(gauge))) => gauge.data_points.push(point),
            (Self::Histogram(point), Some(Data::Histogram(all))) => all.data_points.push(point),
            (Self::Exponential(point), Some(Data::ExponentialHistogram(all))) => {
                all.data_points.push(point);
            }
            _ => {}
        }
    }
}
