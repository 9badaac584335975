//! What a receiver accepted.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;

/// Requests that a receiver has seen, and the content of those that it accepted.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Received {
    /// Every request, in the order of arrival, refused ones included.
    pub requests: Vec<RequestHead>,
    /// Accepted requests with spans.
    pub traces: Vec<ExportTraceServiceRequest>,
    /// Accepted requests with metrics.
    pub metrics: Vec<ExportMetricsServiceRequest>,
    /// Accepted requests with log records.
    pub logs: Vec<ExportLogsServiceRequest>,
    pub(super) rejected: usize,
}

/// A request without its content.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequestHead {
    /// Where it went, such as `/v1/traces`.
    pub path: String,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Length of its body as it was sent, in bytes; 0 for gRPC.
    pub len: usize,
}

impl RequestHead {
    /// The value of the first header of this name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Received {
    /// Spans, data points and log records that were accepted, without those that the script rejected.
    #[must_use]
    pub fn items(&self) -> usize {
        let points = self.metrics().map(points).sum::<usize>();
        self.spans().count() + points + self.log_records().count() - self.rejected
    }

    /// Spans of all accepted requests.
    pub fn spans(&self) -> impl Iterator<Item = &Span> {
        let resources = self.traces.iter().flat_map(|it| &it.resource_spans);
        resources
            .flat_map(|it| &it.scope_spans)
            .flat_map(|it| &it.spans)
    }

    /// Metrics of all accepted requests.
    pub fn metrics(&self) -> impl Iterator<Item = &Metric> {
        let resources = self.metrics.iter().flat_map(|it| &it.resource_metrics);
        resources
            .flat_map(|it| &it.scope_metrics)
            .flat_map(|it| &it.metrics)
    }

    /// Log records of all accepted requests.
    pub fn log_records(&self) -> impl Iterator<Item = &LogRecord> {
        let resources = self.logs.iter().flat_map(|it| &it.resource_logs);
        resources
            .flat_map(|it| &it.scope_logs)
            .flat_map(|it| &it.log_records)
    }

    /// The text of the attribute `key`.
    #[must_use]
    pub fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
        let found = attributes.iter().find(|it| it.key == key)?;
        match found.value.as_ref()?.value.as_ref()? {
            Value::StringValue(text) => Some(text),
            _ => None,
        }
    }
}

fn points(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(it)) => it.data_points.len(),
        Some(Data::Sum(it)) => it.data_points.len(),
        Some(Data::Histogram(it)) => it.data_points.len(),
        Some(Data::ExponentialHistogram(it)) => it.data_points.len(),
        Some(Data::Summary(it)) => it.data_points.len(),
        None => 0,
    }
}
