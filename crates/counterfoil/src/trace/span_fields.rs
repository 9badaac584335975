//! What the fields of a `tracing` span say.

use std::error::Error;
use std::fmt;

use counterfoil_core::{
    Attribute, AttributeValue, RequestId, SpanId, SpanKind, TraceContext, TraceId, TraceState,
};
use tracing::field::{Field, Visit};

use super::limits::Limits;
use super::text::{Chain, Short, bounded, push_bounded};

/// The fields of a span that mean something to the pipeline. They are not repeated among its attributes.
///
/// Ids count when the span is opened; a request id, the kind and the status also when they are recorded later.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) span_id: Option<SpanId>,
    pub(crate) parent_span_id: Option<SpanId>,
    pub(crate) trace_flags: Option<u8>,
    pub(crate) trace_state: Option<TraceState>,
    pub(crate) request: Option<RequestId>,
    pub(crate) name: Option<String>,
    pub(crate) kind: Option<SpanKind>,
    pub(crate) status_code: Option<StatusCode>,
    pub(crate) status_message: Option<String>,
    /// The last one that was recorded; each recording of it is one.
    pub(crate) link: Option<TraceContext>,
}

/// What `otel.status_code` said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusCode {
    Ok,
    Error,
}

/// Longest value of a field in [`Given`] but for names and messages: a trace state is 512 bytes at most by W3C.
const LONGEST: usize = 512;

impl Given {
    /// Takes a value if the field is one of the pipeline's own. A value of the wrong form is taken and says nothing.
    fn take(&mut self, name: &str, value: &str, limits: &Limits) -> bool {
        match name {
            "trace_id" => self.trace_id = value.parse().ok(),
            "span_id" => self.span_id = value.parse().ok(),
            "parent_span_id" => self.parent_span_id = value.parse().ok(),
            "trace_flags" => self.trace_flags = u8::from_str_radix(value, 16).ok(),
            "trace_state" => self.trace_state = value.parse().ok(),
            "request_id" => self.request = value.parse().ok(),
            "otel.link" => self.link = value.parse().ok(),
            "otel.name" => self.name = Some(bounded(value, limits.text)),
            "otel.kind" => self.kind = kind(value),
            "otel.status_code" => self.status_code = status_code(value),
            "otel.status_message" | "otel.status_description" => {
                self.status_message = Some(bounded(value, limits.text));
            }
            _ => return false,
        }
        true
    }
}

/// Whether a field may be one of [`Given`]'s, by a glance at its name.
fn may_be_given(name: &str) -> bool {
    matches!(name.as_bytes(), [b't' | b's' | b'p' | b'r' | b'o', ..])
        && (name.ends_with("_id") || name.starts_with("trace_") || name.starts_with("otel."))
}

fn kind(value: &str) -> Option<SpanKind> {
    let all = [
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ];
    all.into_iter()
        .find(|kind| kind.as_str().eq_ignore_ascii_case(value))
}

fn status_code(value: &str) -> Option<StatusCode> {
    if value.eq_ignore_ascii_case("error") {
        Some(StatusCode::Error)
    } else if value.eq_ignore_ascii_case("ok") {
        Some(StatusCode::Ok)
    } else {
        None
    }
}

/// Visits the fields of a span: its own go to `given`, the rest becomes attributes.
pub(crate) struct SpanFields<'a> {
    pub(crate) given: &'a mut Given,
    /// `None` where attributes are of use to nobody.
    pub(crate) attributes: Option<&'a mut Attributes>,
    pub(crate) limits: &'a Limits,
}

/// Attributes up to a limit.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    pub(crate) kept: Vec<Attribute>,
    pub(crate) dropped: u32,
    /// Bytes of text in them.
    pub(crate) bytes: usize,
}

/// Bytes of text in a value.
pub(crate) fn text_len(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::Text(text) => text.len(),
        _ => 0,
    }
}

impl Attributes {
    pub(crate) fn with_room_for(fields: usize) -> Self {
        Self {
            kept: Vec::with_capacity(fields),
            dropped: 0,
            bytes: 0,
        }
    }

    pub(crate) fn extend(&mut self, others: Self, limits: &Limits) {
        self.dropped = self.dropped.saturating_add(others.dropped);
        for other in others.kept {
            self.set(other, limits);
        }
    }

    /// Adds one, or replaces the one of the same name: a span's field may be recorded again.
    fn set(&mut self, new: Attribute, limits: &Limits) {
        let bytes = self.bytes + text_len(&new.value);
        if bytes > limits.bytes {
            self.dropped = self.dropped.saturating_add(1);
        } else if let Some(old) = self.kept.iter_mut().find(|old| old.key == new.key) {
            self.bytes = bytes - text_len(&old.value);
            old.value = new.value;
        } else if self.kept.len() < limits.fields {
            self.bytes = bytes;
            self.kept.push(new);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }
}

impl SpanFields<'_> {
    fn set(&mut self, field: &Field, value: impl FnOnce(&Limits) -> AttributeValue) {
        if let Some(attributes) = &mut self.attributes {
            let new = Attribute::new(field.name(), value(self.limits));
            attributes.set(new, self.limits);
        }
    }
}

impl Visit for SpanFields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, |_| value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "trace_flags" {
            self.given.trace_flags = u8::try_from(value).ok();
        } else {
            self.set(field, |_| value.into());
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "trace_flags" {
            self.given.trace_flags = u8::try_from(value).ok();
        } else {
            self.set(field, |_| value.into());
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, |_| value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if !(may_be_given(field.name()) && self.given.take(field.name(), value, self.limits)) {
            self.set(field, |limits| bounded(value, limits.text).into());
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field, |limits| {
            let mut text = String::new();
            push_bounded(&mut text, limits.text, format_args!("{}", Chain(value)));
            text.into()
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if may_be_given(field.name()) {
            let short = Short::<LONGEST>::of(value);
            let text = short.as_ref().map_or("", Short::as_str);
            if self.given.take(field.name(), text, self.limits) {
                return;
            }
        }
        self.set(field, |limits| {
            let mut text = String::new();
            push_bounded(&mut text, limits.text, format_args!("{value:?}"));
            text.into()
        });
    }
}
