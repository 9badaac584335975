//! Log records.

use counterfoil_core::{LogRecord, TraceContext};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord as Record, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::{Scopes, scope, values};
use crate::request::Request;

pub(super) fn request(resource: Option<Resource>, scopes: Scopes<'_, Record>) -> Request {
    let scopes = scopes.into_iter().map(|(name, log_records)| ScopeLogs {
        scope: scope(name),
        log_records,
        ..ScopeLogs::default()
    });
    let logs = ResourceLogs {
        resource,
        scope_logs: scopes.collect(),
        ..ResourceLogs::default()
    };
    Request::Logs(ExportLogsServiceRequest {
        resource_logs: vec![logs],
    })
}

pub(super) fn record(log: &LogRecord) -> Record {
    let mut attributes = values::attributes(&log.attributes);
    if let Some(request) = &log.request {
        attributes.push(values::key_value(
            "request_id",
            values::text(request.as_str()),
        ));
    }
    let record = Record {
        time_unix_nano: log.time.unix_nanos(),
        observed_time_unix_nano: log.time.unix_nanos(),
        severity_number: log.severity.number().into(),
        severity_text: log.severity.as_str().to_owned(),
        body: values::any(values::text(&log.body)),
        attributes,
        dropped_attributes_count: log.dropped_attributes,
        event_name: log.event_name.as_deref().unwrap_or_default().to_owned(),
        ..Record::default()
    };
    within(record, log.trace.as_ref())
}

/// `record` with its place in a trace.
pub(super) fn within(record: Record, trace: Option<&TraceContext>) -> Record {
    let Some(trace) = trace else {
        return record;
    };
    Record {
        flags: trace.flags.into(),
        trace_id: trace.trace_id.as_bytes().to_vec(),
        span_id: trace.span_id.as_bytes().to_vec(),
        ..record
    }
}
