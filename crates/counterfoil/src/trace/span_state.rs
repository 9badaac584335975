//! What is known of a span that has not ended, and the record that it becomes.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use counterfoil_core::{
    Attribute, AttributeValue, Place, SpanEvent, SpanId, SpanKind, SpanRecord, SpanStatus, Ticks,
    Timeline, TraceContext,
};
use tracing::Metadata;

use super::limits::Limits;
use super::log::SpanText;
use super::span_fields::{Attributes, Given, StatusCode, text_len};

/// One span, kept in the registry's extensions from its opening to its end.
#[derive(Debug)]
pub(crate) struct SpanState {
    pub(crate) place: Place,
    pub(crate) parent: Option<SpanId>,
    pub(crate) parent_is_remote: bool,
    pub(crate) kind: SpanKind,
    /// `otel.name`, which stands in the place of the name that the code has.
    pub(crate) name: Option<String>,
    pub(crate) start: Ticks,
    pub(crate) status_code: Option<StatusCode>,
    pub(crate) status_message: Option<String>,
    pub(crate) attributes: Attributes,
    pub(crate) events: Vec<TickedEvent>,
    pub(crate) dropped_events: u32,
    pub(crate) links: Vec<TraceContext>,
    /// Whether a record of it is wanted when it ends.
    pub(crate) recorded: bool,
    /// For how long it was entered, in nanoseconds.
    pub(crate) busy: AtomicU64,
}

/// A [`SpanEvent`] whose time is not translated yet.
#[derive(Debug)]
pub(crate) struct TickedEvent {
    pub(crate) time: Ticks,
    pub(crate) name: Cow<'static, str>,
    pub(crate) attributes: Vec<Attribute>,
}

/// A span that has ended and waits to be drained.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) state: Box<SpanState>,
    pub(crate) metadata: &'static Metadata<'static>,
    pub(crate) end: Ticks,
}

impl SpanState {
    /// Takes over what was recorded after the span was opened.
    pub(crate) fn update(&mut self, given: Given, attributes: Attributes, limits: &Limits) {
        self.attributes.extend(attributes, limits);
        if let Some(link) = given.link {
            self.follows(link, limits);
        }
        self.place.request = given.request.or(self.place.request);
        self.kind = given.kind.unwrap_or(self.kind);
        self.name = given.name.or(self.name.take());
        self.status_code = given.status_code.or(self.status_code);
        self.status_message = given.status_message.or(self.status_message.take());
    }

    /// What a log line shows of it.
    pub(crate) fn text(&self, metadata: &'static Metadata<'static>) -> SpanText<'_> {
        SpanText {
            name: metadata.name(),
            given: self.name.as_deref(),
            fields: &self.attributes.kept,
        }
    }

    /// Adds what happened in it. An event at the level of errors makes the span one that failed, unless its status was told.
    pub(crate) fn happened(&mut self, event: TickedEvent, is_error: bool, limits: &Limits) {
        if is_error && self.status_code.is_none() {
            self.status_code = Some(StatusCode::Error);
            self.status_message
                .get_or_insert_with(|| event.name.clone().into_owned());
        }
        let fields = event.attributes.iter();
        let text = event.name.len() + fields.map(|field| text_len(&field.value)).sum::<usize>();
        let bytes = self.attributes.bytes + text;
        if self.events.len() < limits.events && bytes <= limits.bytes {
            self.attributes.bytes = bytes;
            self.events.push(event);
        } else {
            self.dropped_events = self.dropped_events.saturating_add(1);
        }
    }

    pub(crate) fn follows(&mut self, other: TraceContext, limits: &Limits) {
        if self.links.len() < limits.links && !self.links.contains(&other) {
            self.links.push(other);
        }
    }

    pub(crate) fn was_busy(&self, since: Ticks, until: Ticks) {
        let ns = until.0.saturating_sub(since.0);
        self.busy.fetch_add(ns, Ordering::Relaxed);
    }

    fn status(&mut self) -> SpanStatus {
        match self.status_code {
            None => SpanStatus::Unset,
            Some(StatusCode::Ok) => SpanStatus::Ok,
            Some(StatusCode::Error) => {
                SpanStatus::Error(self.status_message.take().unwrap_or_default().into())
            }
        }
    }
}

impl Ended {
    /// The record, with its times as `timeline` has them.
    pub(crate) fn into_record(mut self, timeline: &Timeline) -> SpanRecord {
        let status = self.state.status();
        let Self {
            state,
            metadata,
            end,
        } = self;
        let start = timeline.at(state.start);
        let events = state.events.into_iter().map(|event| SpanEvent {
            time: timeline.at(event.time),
            name: event.name,
            attributes: event.attributes,
        });
        SpanRecord {
            trace: state.place.trace,
            parent: state.parent,
            parent_is_remote: state.parent_is_remote,
            trace_state: state.place.trace_state.map(Into::into),
            request: state.place.request,
            name: state
                .name
                .map_or(Cow::Borrowed(metadata.name()), Cow::Owned),
            kind: state.kind,
            start,
            end: timeline.at(end).max(start),
            status,
            attributes: state.attributes.kept,
            dropped_attributes: state.attributes.dropped,
            events: events.collect(),
            dropped_events: state.dropped_events,
            links: state.links,
            scope: metadata.target(),
        }
    }
}

/// The name and value under which a span's event has its level.
pub(crate) fn level_attribute(level: tracing::Level) -> Attribute {
    Attribute::new("level", AttributeValue::Text(Cow::Borrowed(level.as_str())))
}
