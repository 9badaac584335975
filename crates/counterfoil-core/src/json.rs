//! JSON as our own lines are written in: compact, and safe to print on a terminal.

mod line_writer;
mod telemetry;

use std::borrow::Cow;
use std::fmt::Write;

pub use line_writer::LineWriter;
pub use telemetry::{push_log, push_span};

use crate::{Event, FabricEvent, LeaseId, Name, Redact};

/// Appends `text` as a JSON string. Control characters, line separators and the invisible characters that reorder or hide
/// text are escaped, so the line stays one line and shows what it says.
pub fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            _ if c.is_control() || is_deceptive(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    append(out, format_args!("\\u{unit:04x}"));
                }
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// Appends a number. What JSON has no form for becomes one of the strings `NaN`, `+Inf` and `-Inf`.
pub fn push_float(out: &mut String, value: f64) {
    match value {
        _ if value.is_finite() => append(out, format_args!("{value:?}")),
        f64::INFINITY => out.push_str("\"+Inf\""),
        f64::NEG_INFINITY => out.push_str("\"-Inf\""),
        _ => out.push_str("\"NaN\""),
    }
}

/// Appends `event` as one JSON object, without a line feed.
///
/// | key | form |
/// |---|---|
/// | `time` | RFC 3339 with nine digits |
/// | `event` | name of the event |
/// | `tenant`, `workload`, `principal`, `tag`, `from`, `request_id`, `node_id` | string |
/// | `trace_id`, `span_id` | lower-case hexadecimal |
/// | `lease_id`, `by` | decimal string, because readers round numbers above 2^53 |
/// | `resource_type`, `op`, `error`, `reason` | string |
/// | `bytes`, `ttl_ms`, `elapsed_ns`, `value` | number |
///
/// A key without a value is left out. Names pass `redact`.
pub fn push_event(out: &mut String, event: &Event, redact: Option<&dyn Redact>) {
    let event = redact.map_or(Cow::Borrowed(event), |policy| event.redacted(policy));
    let Event {
        time,
        context,
        event,
    } = &*event;
    let mut object = Object { out };
    append(object.out, format_args!("{{\"time\":\"{time}\",\"event\":"));
    push_string(object.out, event.kind_name());
    object.text("tenant", context.tenant());
    object.name("workload", context.identity().workload.as_ref());
    object.name("principal", context.identity().principal.as_ref());
    object.name("tag", context.tag().map(crate::AccountingTag::name));
    object.name("from", context.from());
    if let Some(trace) = context.trace() {
        object.text("trace_id", &trace.trace_id.to_string());
        object.text("span_id", &trace.span_id.to_string());
    }
    if let Some(request) = context.request() {
        object.text("request_id", request.as_str());
    }
    object.lease("lease_id", event.lease_id());
    object.name("node_id", event.node());
    object.fields(event);
    out.push('}');
}

/// Whether `c` makes a line look like another one: the marks that reorder text, the separators of lines other than the line
/// feed, and the characters that take no room. Control characters are not among them: see [`char::is_control`].
///
/// ```
/// use counterfoil_core::json::is_deceptive;
/// assert!(is_deceptive('\u{202e}') && is_deceptive('\u{200b}'));
/// assert!(!is_deceptive('é'));
/// ```
#[must_use]
pub const fn is_deceptive(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

struct Object<'a> {
    out: &'a mut String,
}

impl Object<'_> {
    fn fields(&mut self, event: &FabricEvent) {
        match event {
            FabricEvent::LeaseAcquired {
                resource_type,
                bytes,
                ..
            } => {
                self.text("resource_type", resource_type.as_str());
                self.number("bytes", *bytes);
            }
            FabricEvent::LeaseRenewed {
                resource_type,
                ttl_ms,
                ..
            } => {
                self.text("resource_type", resource_type.as_str());
                self.number("ttl_ms", *ttl_ms);
            }
            FabricEvent::LeaseReleased { resource_type, .. }
            | FabricEvent::LeaseExpired { resource_type, .. } => {
                self.text("resource_type", resource_type.as_str());
            }
            FabricEvent::LeasePreempted {
                resource_type,
                by,
                reason,
                ..
            } => {
                self.text("resource_type", resource_type.as_str());
                self.lease("by", *by);
                self.text("reason", reason.as_str());
            }
            FabricEvent::OperationFailed {
                op,
                error,
                bytes,
                elapsed_ns,
                ..
            } => {
                self.text("op", op.as_str());
                self.text("error", error.as_str());
                self.number("bytes", *bytes);
                self.number("elapsed_ns", *elapsed_ns);
            }
            FabricEvent::Disconnected { reason, .. } => self.text("reason", reason.as_str()),
            FabricEvent::Reconnected { .. } => {}
            FabricEvent::Custom { value, .. } => self.number("value", *value),
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        append(self.out, format_args!(",\"{key}\":"));
        push_string(self.out, text);
    }

    fn name(&mut self, key: &str, name: Option<&Name>) {
        if let Some(name) = name {
            self.text(key, name.as_str());
        }
    }

    fn lease(&mut self, key: &str, lease: Option<LeaseId>) {
        if let Some(lease) = lease {
            append(self.out, format_args!(",\"{key}\":\"{lease}\""));
        }
    }

    fn number(&mut self, key: &str, value: u64) {
        append(self.out, format_args!(",\"{key}\":{value}"));
    }
}

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A string takes everything that is written to it.
    let _always_ok = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_deceive_a_reader_is_escaped_and_the_rest_is_kept() {
        let mut out = String::new();
        push_string(
            &mut out,
            "a\"b\\c\n\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{e0041}é漢",
        );
        assert_eq!(
            out,
            "\"a\\\"b\\\\c\\u000a\\u001b[2J\\u007f\\u009b\\u202e\\udb40\\udc41é漢\""
        );
    }
}
