//! Lines for programs.

use std::fmt::Write;

use counterfoil_core::json::push_float;
use counterfoil_core::{Attribute, AttributeValue, Redact};

use super::escape::{Escape, push_escaped};
use super::{Line, Spans, push_hex, push_time, redacted, redacted_value};

/// Room for what closes a line that was cut.
const CLOSING: usize = 128;

/// Appends one line. Its form is documented with the module [`trace`](crate::trace).
pub(super) fn push(
    out: &mut String,
    line: &Line<'_>,
    spans: Spans<'_>,
    most: usize,
    redact: &dyn Redact,
) {
    let start = out.len();
    let limit = start + most - CLOSING;
    let mut object = Object {
        out,
        // The spans leave half of the line to what happened in them.
        limit: start + (most - CLOSING) / 2,
        redact,
        cut: false,
    };
    object.head(line);
    object.spans(spans);
    object.limit = limit;
    object.message_and_fields(line);
    object.close(line.dropped);
}

struct Object<'a> {
    out: &'a mut String,
    limit: usize,
    redact: &'a dyn Redact,
    cut: bool,
}

impl Object<'_> {
    fn head(&mut self, line: &Line<'_>) {
        self.out.push_str("{\"time\":\"");
        push_time(self.out, line.time);
        self.out.push_str("\",\"level\":\"");
        self.out.push_str(line.level.as_str());
        self.out.push_str("\",\"target\":");
        self.text(line.target);
        if let Some(trace) = &line.stamp.trace {
            self.out.push_str(",\"trace_id\":\"");
            push_hex(self.out, trace.trace_id.as_bytes());
            self.out.push_str("\",\"span_id\":\"");
            push_hex(self.out, trace.span_id.as_bytes());
            self.out.push('"');
        }
        if let Some(request) = &line.stamp.request {
            self.out.push_str(",\"request_id\":");
            let request = request.redacted(self.redact).unwrap_or(*request);
            self.text(request.as_str());
        }
    }

    fn spans(&mut self, spans: Spans<'_>) {
        let mut any = false;
        spans(&mut |span| {
            // Room for what a span has besides text.
            if self.out.len() + CLOSING > self.limit {
                self.cut = true;
                return;
            }
            self.out.push_str(if any {
                ",{\"name\":"
            } else {
                ",\"spans\":[{\"name\":"
            });
            any = true;
            let name = span.name(self.redact);
            self.text(&name);
            self.fields(span.fields);
            self.out.push('}');
        });
        if any {
            self.out.push(']');
        }
    }

    fn message_and_fields(&mut self, line: &Line<'_>) {
        if !line.message.is_empty() {
            self.out.push_str(",\"message\":");
            let message = redacted(self.redact, line.message);
            self.text(&message);
        }
        self.fields(line.fields);
    }

    fn fields(&mut self, fields: &[Attribute]) {
        let mut any = false;
        for Attribute { key, value } in fields {
            // A name is never cut: it would be another name.
            let name = self.out.len();
            self.out.push_str(if any { "," } else { ",\"fields\":{" });
            let cut_before = self.cut;
            self.text(key);
            if self.cut && !cut_before || self.out.len() + 40 > self.limit {
                self.out.truncate(name);
                self.cut = true;
                break;
            }
            any = true;
            self.out.push(':');
            self.value(key, value);
        }
        if any {
            self.out.push('}');
        }
    }

    fn value(&mut self, key: &str, value: &AttributeValue) {
        if let Some(redacted) = redacted_value(self.redact, key, value) {
            self.text(&redacted);
            return;
        }
        match value {
            AttributeValue::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            AttributeValue::Int(value) => self.out.push_str(itoa::Buffer::new().format(*value)),
            AttributeValue::Float(value) => push_float(self.out, *value),
            AttributeValue::Text(text) => self.text(text),
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        // The closing quotation mark has its room in `CLOSING`.
        self.cut |= !push_escaped(self.out, text, Escape::Json, self.limit);
        self.out.push('"');
    }

    fn close(&mut self, dropped: u32) {
        if dropped > 0 {
            // A string takes everything that is written to it.
            let _always_ok = write!(self.out, ",\"dropped_fields\":{dropped}");
        }
        if self.cut {
            self.out.push_str(",\"cut\":true");
        }
        self.out.push_str("}\n");
    }
}
