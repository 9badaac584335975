//! Lines for people.

use std::fmt::Write;

use counterfoil_core::{Attribute, AttributeValue, Redact};

use super::escape::{Escape, push_escaped};
use super::{Line, Spans, colour, push_hex, push_time, redacted, redacted_value};

/// Room for what closes a line that was cut.
const CLOSING: usize = 128;

/// How lines are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style<'a> {
    pub(super) most: usize,
    pub(super) redact: &'a dyn Redact,
    pub(super) coloured: bool,
}

/// Appends one line. Its form is documented with the module [`trace`](crate::trace).
pub(super) fn push(out: &mut String, line: &Line<'_>, spans: Spans<'_>, style: &Style<'_>) {
    let limit = style.most - CLOSING;
    let start = out.len();
    let mut text = Text {
        out,
        // The spans leave half of the line to what happened in them.
        limit: start + limit / 2,
        redact: style.redact,
        coloured: style.coloured,
        cut: false,
    };
    text.head(line);
    text.spans(spans);
    text.limit = start + limit;
    text.message(line.message);
    text.fields(line.fields, " ");
    text.close(line.dropped);
}

struct Text<'a> {
    out: &'a mut String,
    limit: usize,
    redact: &'a dyn Redact,
    coloured: bool,
    cut: bool,
}

impl Text<'_> {
    fn head(&mut self, line: &Line<'_>) {
        self.colour(colour::DIM);
        push_time(self.out, line.time);
        self.colour(colour::PLAIN);
        self.colour(colour::of_level(line.level));
        // A string takes everything that is written to it.
        let _always_ok = write!(self.out, " {:>5} ", line.level.as_str());
        self.colour(colour::PLAIN);
        self.colour(colour::DIM);
        if let Some(trace) = &line.stamp.trace {
            self.out.push_str("trace_id=");
            push_hex(self.out, trace.trace_id.as_bytes());
            self.out.push_str(" span_id=");
            push_hex(self.out, trace.span_id.as_bytes());
            self.out.push(' ');
        }
        if let Some(request) = &line.stamp.request {
            self.out.push_str("request_id=");
            let request = request.redacted(self.redact).unwrap_or(*request);
            self.out.push_str(request.as_str());
            self.out.push(' ');
        }
        self.colour(colour::PLAIN);
        self.name(line.target);
        self.out.push(':');
    }

    fn spans(&mut self, spans: Spans<'_>) {
        let mut any = false;
        spans(&mut |span| {
            if self.out.len() + CLOSING > self.limit {
                self.cut = true;
                return;
            }
            self.out.push(if any { ':' } else { ' ' });
            any = true;
            let name = span.name(self.redact);
            self.name(&name);
            if !span.fields.is_empty() {
                self.out.push('{');
                self.fields(span.fields, "");
                self.out.push('}');
            }
        });
        if any {
            self.out.push(':');
        }
    }

    /// What could be taken for a field is quoted; so no message can pretend to have one.
    fn message(&mut self, message: &str) {
        if message.is_empty() {
            return;
        }
        self.out.push(' ');
        let message = redacted(self.redact, message);
        if message.contains(['=', '"']) {
            self.quoted(&message);
        } else {
            self.cut |= !push_escaped(self.out, &message, Escape::Text, self.limit);
        }
    }

    fn fields(&mut self, fields: &[Attribute], before_first: &str) {
        let mut before = before_first;
        for Attribute { key, value } in fields {
            let start = self.out.len();
            let cut_before = self.cut;
            self.out.push_str(before);
            self.name(key);
            // A name is never cut: it would be another name.
            if self.cut && !cut_before || self.out.len() + 40 > self.limit {
                self.out.truncate(start);
                self.cut = true;
                return;
            }
            before = " ";
            self.out.push('=');
            self.value(key, value);
        }
    }

    fn value(&mut self, key: &str, value: &AttributeValue) {
        if let Some(redacted) = redacted_value(self.redact, key, value) {
            self.quoted(&redacted);
            return;
        }
        match value {
            AttributeValue::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            AttributeValue::Int(value) => self.out.push_str(itoa::Buffer::new().format(*value)),
            AttributeValue::Float(value) => {
                // A string takes everything that is written to it.
                let _always_ok = write!(self.out, "{value}");
            }
            AttributeValue::Text(text) => self.quoted(text),
        }
    }

    /// A name as it is where it is a plain word, quoted otherwise.
    fn name(&mut self, name: &str) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-:/@#<>".contains(&byte);
        if !name.is_empty() && name.bytes().all(plain) && self.out.len() + name.len() <= self.limit
        {
            self.out.push_str(name);
        } else {
            self.quoted(name);
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        self.cut |= !push_escaped(self.out, text, Escape::Quoted, self.limit);
        self.out.push('"');
    }

    fn colour(&mut self, code: &str) {
        if self.coloured {
            self.out.push_str(code);
        }
    }

    fn close(&mut self, dropped: u32) {
        if dropped > 0 {
            let _always_ok = write!(self.out, " dropped_fields={dropped}");
        }
        if self.cut {
            self.out.push_str(" cut=true");
        }
        self.out.push('\n');
    }
}
