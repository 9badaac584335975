//! Opening a span: what it is, and where in which trace.

use counterfoil_core::{Current, Place, SpanId, SpanKind, TraceContext};
use tracing::span::Attributes as NewSpan;

use super::layer::PipelineLayer;
use super::span_fields::{Attributes, Given, SpanFields};
use super::span_state::SpanState;

impl PipelineLayer {
    /// The state of a new span; `parent` is the place of the span around it.
    pub(super) fn open(&self, new: &NewSpan<'_>, parent: Option<Place>) -> Box<SpanState> {
        let shared = &self.shared;
        let keeps = shared.keeps_fields();
        let mut given = Given::default();
        let mut attributes = Attributes::with_room_for(if keeps { new.values().len() } else { 0 });
        new.record(&mut SpanFields {
            given: &mut given,
            attributes: keeps.then_some(&mut attributes),
            limits: &shared.limits,
        });
        let (parent, request) = match parent {
            Some(place) if place.request.is_some() => (Some(place), None),
            place if new.is_contextual() => {
                let context = Current::get();
                let request = context.as_ref().and_then(|it| it.request().copied());
                (place.or_else(|| Place::of(context.as_ref()?)), request)
            }
            place => (place, None),
        };
        given.request = given.request.or(request);
        let kind = given.kind.unwrap_or_default();
        let Opened {
            place,
            parent,
            recorded,
        } = self.place(&mut given, parent);
        // In a box, because it moves on into a queue.
        Box::new(SpanState {
            place,
            parent_is_remote: parent.is_some()
                && given.parent_span_id.is_some()
                && matches!(kind, SpanKind::Server | SpanKind::Consumer),
            parent,
            kind,
            name: given.name,
            start: shared.clock.ticks(),
            status_code: given.status_code,
            status_message: given.status_message,
            attributes,
            events: Vec::new(),
            dropped_events: 0,
            links: given.link.into_iter().collect(),
            recorded: recorded && shared.spans.is_some(),
            busy: 0.into(),
        })
    }

    /// Where a new span is. The fields say it, or else the span around it, or else it begins a trace.
    fn place(&self, given: &mut Given, around: Option<Place>) -> Opened {
        let around_trace = around.as_ref().map(|place| place.trace);
        let trace_id = given
            .trace_id
            .or(around_trace.map(|trace| trace.trace_id))
            .unwrap_or_else(|| self.shared.ids.trace_id());
        let around_trace = around_trace.filter(|trace| trace.trace_id == trace_id);
        let around_id = around_trace.map(|trace| trace.span_id);
        // Whoever makes a call is within this process, and the span around it is nearer than what is known of it elsewhere.
        let parent: Option<SpanId> = match given.kind {
            Some(SpanKind::Client | SpanKind::Producer) => around_id.or(given.parent_span_id),
            _ => given.parent_span_id.or(around_id),
        };
        // What was decided here about the trace stands, whatever the fields say.
        let told = (around_trace.map(|trace| trace.flags)).or(given.trace_flags);
        let recorded =
            self.shared
                .head
                .decide(trace_id, told.map(|flags| flags & 1 == 1), parent.is_some());
        let place = Place {
            trace: TraceContext {
                trace_id,
                span_id: given.span_id.unwrap_or_else(|| self.shared.ids.span_id()),
                flags: told.unwrap_or_default() & !1 | u8::from(recorded),
            },
            trace_state: given.trace_state.take().or_else(|| {
                let place = around.as_ref().filter(|_| around_trace.is_some());
                place.and_then(|place| place.trace_state.clone())
            }),
            request: given
                .request
                .or_else(|| around.as_ref().and_then(|place| place.request)),
        };
        Opened {
            place,
            parent,
            recorded,
        }
    }
}

/// Where a span is that is about to be opened.
struct Opened {
    place: Place,
    parent: Option<SpanId>,
    recorded: bool,
}
