//! Spans and log records as lines of JSON.

use super::{append, push_float, push_string};
use crate::{
    Attribute, AttributeValue, LogRecord, RequestId, SpanEvent, SpanRecord, SpanStatus,
    TraceContext,
};

/// Appends `span` as one JSON object, without a line feed. Text in it is escaped and not redacted.
///
/// | key | form |
/// |---|---|
/// | `time`, `end` | RFC 3339 with nine digits |
/// | `span` | name of the span |
/// | `kind` | `internal`, `server`, `client`, `producer` or `consumer` |
/// | `trace_id`, `span_id`, `parent_span_id` | lower-case hexadecimal |
/// | `request_id`, `scope`, `trace_state` | string |
/// | `duration_ns`, `dropped_attributes`, `dropped_events` | number |
/// | `status` | `unset`, `ok` or `error`, then with `status_message` |
/// | `attributes` | object |
/// | `events` | list of objects with `time`, `name` and `attributes` |
/// | `links` | list of `traceparent` texts |
///
/// A key without a value is left out; so are empty lists and zero counts.
pub fn push_span(out: &mut String, span: &SpanRecord) {
    append(out, format_args!("{{\"time\":\"{}\",\"span\":", span.start));
    push_string(out, &span.name);
    append(out, format_args!(",\"kind\":\"{}\"", span.kind.as_str()));
    push_keys(out, Some(&span.trace), span.request.as_ref());
    if let Some(parent) = span.parent {
        append(out, format_args!(",\"parent_span_id\":\"{parent}\""));
    }
    let duration = span.duration().as_nanos();
    append(
        out,
        format_args!(",\"end\":\"{}\",\"duration_ns\":{duration}", span.end),
    );
    match &span.status {
        SpanStatus::Unset => out.push_str(",\"status\":\"unset\""),
        SpanStatus::Ok => out.push_str(",\"status\":\"ok\""),
        SpanStatus::Error(message) => {
            out.push_str(",\"status\":\"error\",\"status_message\":");
            push_string(out, message);
        }
    }
    push_attributes(out, &span.attributes, span.dropped_attributes);
    push_span_events(out, &span.events, span.dropped_events);
    push_links(out, &span.links);
    if let Some(state) = &span.trace_state {
        out.push_str(",\"trace_state\":");
        push_string(out, state);
    }
    out.push_str(",\"scope\":");
    push_string(out, span.scope);
    out.push('}');
}

/// Appends `log` as one JSON object, without a line feed. Text in it is escaped and not redacted.
///
/// | key | form |
/// |---|---|
/// | `time` | RFC 3339 with nine digits |
/// | `severity` | `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR` or `FATAL` |
/// | `body`, `event_name`, `scope`, `request_id` | string |
/// | `trace_id`, `span_id` | lower-case hexadecimal |
/// | `attributes` | object |
/// | `dropped_attributes` | number |
///
/// A key without a value is left out.
pub fn push_log(out: &mut String, log: &LogRecord) {
    let severity = log.severity.as_str();
    append(
        out,
        format_args!(
            "{{\"time\":\"{}\",\"severity\":\"{severity}\",\"body\":",
            log.time
        ),
    );
    push_string(out, &log.body);
    if let Some(name) = &log.event_name {
        out.push_str(",\"event_name\":");
        push_string(out, name);
    }
    push_keys(out, log.trace.as_ref(), log.request.as_ref());
    push_attributes(out, &log.attributes, log.dropped_attributes);
    out.push_str(",\"scope\":");
    push_string(out, &log.scope);
    out.push('}');
}

fn push_keys(out: &mut String, trace: Option<&TraceContext>, request: Option<&RequestId>) {
    if let Some(trace) = trace {
        let TraceContext {
            trace_id, span_id, ..
        } = trace;
        append(
            out,
            format_args!(",\"trace_id\":\"{trace_id}\",\"span_id\":\"{span_id}\""),
        );
    }
    if let Some(request) = request {
        append(out, format_args!(",\"request_id\":\"{request}\""));
    }
}

fn push_attributes(out: &mut String, attributes: &[Attribute], dropped: u32) {
    if !attributes.is_empty() {
        out.push_str(",\"attributes\":");
        push_object(out, attributes);
    }
    if dropped > 0 {
        append(out, format_args!(",\"dropped_attributes\":{dropped}"));
    }
}

/// An object has each key once, so of two attributes with one key the last one counts.
fn push_object(out: &mut String, attributes: &[Attribute]) {
    out.push('{');
    let mut first = true;
    for (i, Attribute { key, value }) in attributes.iter().enumerate() {
        if attributes[i + 1..].iter().any(|later| later.key == *key) {
            continue;
        }
        out.push_str(if first { "" } else { "," });
        first = false;
        push_string(out, key);
        out.push(':');
        match value {
            AttributeValue::Bool(value) => append(out, format_args!("{value}")),
            AttributeValue::Int(value) => append(out, format_args!("{value}")),
            AttributeValue::Float(value) => push_float(out, *value),
            AttributeValue::Text(value) => push_string(out, value),
        }
    }
    out.push('}');
}

fn push_span_events(out: &mut String, events: &[SpanEvent], dropped: u32) {
    if !events.is_empty() {
        out.push_str(",\"events\":[");
        for (i, event) in events.iter().enumerate() {
            out.push_str(if i == 0 { "" } else { "," });
            append(out, format_args!("{{\"time\":\"{}\",\"name\":", event.time));
            push_string(out, &event.name);
            push_attributes(out, &event.attributes, 0);
            out.push('}');
        }
        out.push(']');
    }
    if dropped > 0 {
        append(out, format_args!(",\"dropped_events\":{dropped}"));
    }
}

fn push_links(out: &mut String, links: &[TraceContext]) {
    if links.is_empty() {
        return;
    }
    out.push_str(",\"links\":[");
    for (i, link) in links.iter().enumerate() {
        out.push_str(if i == 0 { "" } else { "," });
        append(out, format_args!("\"{link}\""));
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_attributes_with_one_key_the_last_one_counts() {
        let attributes = [("a", 1_i64), ("b", 2), ("a", 3)];
        let attributes = attributes.map(|(key, value)| Attribute::new(key, value));
        let mut out = String::new();
        push_object(&mut out, &attributes);
        assert_eq!(out, r#"{"b":2,"a":3}"#);
    }
}
