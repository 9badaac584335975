//! Sealed lines of an audit log, as log records.

use counterfoil_core::{SealedLine, Severity, SpanId, Timestamp, TraceContext, TraceId};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord as Record;
use serde::Deserialize;

use super::{logs, values};

/// What is read of a line, which stays as it is (audit specification §1 and §3).
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    body: Body<'a>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    chain: Chain<'a>,
    #[serde(borrow)]
    event: Event<'a>,
    #[serde(borrow)]
    keys: Keys<'a>,
}

#[derive(Deserialize)]
struct Chain<'a> {
    id: &'a str,
    time: &'a str,
}

#[derive(Deserialize)]
struct Event<'a> {
    kind: &'a str,
    outcome: &'a str,
}

#[derive(Deserialize)]
struct Keys<'a> {
    request: Option<&'a str>,
    span: Option<&'a str>,
    trace: Option<&'a str>,
}

/// A log record whose body is the line, byte for byte, line feed included.
pub(super) fn record(line: &SealedLine) -> Record {
    let record = Record {
        severity_number: Severity::Info.number().into(),
        severity_text: Severity::Info.as_str().to_owned(),
        body: values::any(match String::from_utf8(line.bytes.clone()) {
            Ok(text) => Value::StringValue(text),
            Err(bytes) => Value::BytesValue(bytes.into_bytes()),
        }),
        attributes: vec![
            values::key_value("counterfoil.audit.seq", values::number(line.seq)),
            values::key_value(
                "counterfoil.audit.hash",
                values::text(&line.hash.to_string()),
            ),
        ],
        ..Record::default()
    };
    match serde_json::from_slice::<Line<'_>>(&line.bytes) {
        Ok(read) => described(record, &read.body),
        Err(_) => record,
    }
}

fn described(mut record: Record, body: &Body<'_>) -> Record {
    let Body { chain, event, keys } = body;
    let mut add = |key, text| {
        record
            .attributes
            .push(values::key_value(key, values::text(text)));
    };
    add("counterfoil.audit.chain", chain.id);
    add("counterfoil.audit.kind", event.kind);
    add("counterfoil.audit.outcome", event.outcome);
    if let Some(request) = keys.request {
        add("request_id", request);
    }
    let time = Timestamp::from_text(chain.time.as_bytes()).unwrap_or_default();
    record.time_unix_nano = time.unix_nanos();
    record.observed_time_unix_nano = time.unix_nanos();
    record.event_name = event.kind.to_owned();
    logs::within(record, trace(keys).as_ref())
}

fn trace(keys: &Keys<'_>) -> Option<TraceContext> {
    Some(TraceContext {
        trace_id: keys.trace?.parse::<TraceId>().ok()?,
        span_id: keys.span?.parse::<SpanId>().ok()?,
        flags: 0,
    })
}
