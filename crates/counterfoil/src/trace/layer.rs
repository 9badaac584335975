//! The layer: what `tracing` tells it becomes spans, log lines, log records and events of the ring.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use counterfoil_core::{Attribute, LogRecord, Place, Severity, Ticks, Timestamp};
use tracing::span::{Attributes as NewSpan, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::entered::Stamp;
use super::event_fields::{EventFields, Scratch, with_scratch};
use super::log::{Line, SpanText};
use super::pipeline::Shared;
use super::ring::{self, MARK};
use super::span_fields::{Attributes, Given, SpanFields};
use super::span_state::{Ended, SpanState, TickedEvent, level_attribute};

/// The pipeline's part in a `tracing` subscriber; see [`Pipeline::layer`](super::Pipeline::layer).
#[derive(Clone, Debug)]
pub struct PipelineLayer {
    pub(crate) shared: Arc<Shared>,
}

impl<S> Layer<S> for PipelineLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, new: &NewSpan<'_>, id: &Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id).filter(|_| self.shared.wants(new.metadata())) else {
            return;
        };
        let parent = if new.is_contextual() {
            Place::within(self.shared.number)
        } else {
            let scope = new.parent().and_then(|parent| ctx.span_scope(parent));
            scope.and_then(|mut scope| scope.find_map(|span| place_of(&span)))
        };
        let state = self.open(new, parent);
        span.extensions_mut().replace(state);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else {
            return;
        };
        let (mut given, mut attributes) = (Given::default(), Attributes::default());
        // Before the span is locked: a value whose `Debug` logs may need it.
        values.record(&mut SpanFields {
            given: &mut given,
            attributes: self.shared.keeps_fields().then_some(&mut attributes),
            limits: &self.shared.limits,
        });
        if let Some(state) = span.extensions_mut().get_mut::<Box<SpanState>>() {
            state.update(given, attributes, &self.shared.limits);
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, ctx: Context<'_, S>) {
        let Some(other) = ctx.span(follows).and_then(|span| place_of(&span)) else {
            return;
        };
        if let Some(span) = ctx.span(id)
            && let Some(state) = span.extensions_mut().get_mut::<Box<SpanState>>()
        {
            state.follows(other.trace, &self.shared.limits);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        if !self.shared.wants(event.metadata()) {
            return;
        }
        let span = ctx.event_span(event);
        if with_scratch(|scratch| self.event(event, span.as_ref(), scratch)).is_none() {
            self.shared.count_nested();
        }
    }

    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else {
            return;
        };
        let extensions = span.extensions();
        let Some(state) = extensions.get::<Box<SpanState>>() else {
            return;
        };
        let place = state.place.clone();
        drop(extensions);
        let now = self.shared.times_spans();
        let now = now.then(|| self.shared.clock.ticks());
        place.enter(self.shared.number, id.into_u64(), now);
    }

    fn on_exit(&self, id: &Id, ctx: Context<'_, S>) {
        if let Some(since) = Place::exit(self.shared.number, id.into_u64())
            && let Some(span) = ctx.span(id)
            && let Some(state) = span.extensions().get::<Box<SpanState>>()
        {
            state.was_busy(since, self.shared.clock.ticks());
        }
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(&id) else {
            return;
        };
        let Some(state) = span.extensions_mut().remove::<Box<SpanState>>() else {
            return;
        };
        let end = self.shared.clock.ticks();
        if self.shared.times_spans() {
            let parent = span.parent();
            let written = with_scratch(|scratch| {
                self.closing_line(span.metadata(), &state, end, parent.as_ref(), scratch);
            });
            if written.is_none() {
                self.shared.count_nested();
            }
        }
        if let Some(spans) = &self.shared.spans
            && state.recorded
        {
            let metadata = span.metadata();
            spans.push(Ended {
                state,
                metadata,
                end,
            });
        }
    }
}

impl PipelineLayer {
    fn event<S>(&self, event: &Event<'_>, span: Option<&SpanRef<'_, S>>, scratch: &mut Scratch)
    where
        S: for<'a> LookupSpan<'a>,
    {
        let shared = &self.shared;
        let metadata = event.metadata();
        event.record(&mut EventFields {
            scratch,
            limits: &shared.limits,
        });
        let place = span.and_then(|span| span.scope().find_map(|span| place_of(&span)));
        let mut stamp = Stamp {
            trace: place.as_ref().map(|place| place.trace),
            request: place.and_then(|place| place.request),
        };
        if event.is_contextual() {
            stamp.complete();
        }
        if let Some(lines) = &shared.lines {
            let line = Line {
                time: shared.clock.utc(),
                level: *metadata.level(),
                target: scratch.target.as_deref().unwrap_or(metadata.target()),
                stamp: &stamp,
                message: &scratch.message,
                fields: &scratch.fields,
                dropped: scratch.dropped,
            };
            lines.write(
                &line,
                &|each| each_span(span, each),
                shared,
                &mut scratch.line,
            );
        }
        if let Some(ring) = &shared.ring
            && ring::is_for_ring(metadata)
        {
            ring.push(metadata, &scratch.fields, &stamp, &*shared.redact);
        }
        self.add_to_span(metadata, span, scratch);
        if let Some(records) = &shared.records {
            records.push(record(metadata, scratch, &stamp, shared.clock.utc()));
        }
    }

    /// Adds the event to the span that it happened in, if that is recorded.
    fn add_to_span<S>(
        &self,
        metadata: &'static Metadata<'static>,
        span: Option<&SpanRef<'_, S>>,
        scratch: &mut Scratch,
    ) where
        S: for<'a> LookupSpan<'a>,
    {
        let Some(span) = span.filter(|_| self.shared.spans.is_some()) else {
            return;
        };
        let time = self.shared.clock.ticks();
        let mut extensions = span.extensions_mut();
        let Some(state) = extensions
            .get_mut::<Box<SpanState>>()
            .filter(|it| it.recorded)
        else {
            return;
        };
        let mut attributes = if self.shared.records.is_some() {
            scratch.fields.clone()
        } else {
            std::mem::take(&mut scratch.fields)
        };
        attributes.push(level_attribute(*metadata.level()));
        let name = match scratch.message.as_str() {
            "" => Cow::Borrowed(metadata.name()),
            message => Cow::Owned(message.to_owned()),
        };
        let event = TickedEvent {
            time,
            name,
            attributes,
        };
        let is_error = *metadata.level() == Level::ERROR;
        state.happened(event, is_error, &self.shared.limits);
    }

    /// The line that says that a span has ended, and how long it took.
    fn closing_line<S>(
        &self,
        metadata: &'static Metadata<'static>,
        state: &SpanState,
        end: Ticks,
        parent: Option<&SpanRef<'_, S>>,
        scratch: &mut Scratch,
    ) where
        S: for<'a> LookupSpan<'a>,
    {
        let Some(lines) = &self.shared.lines else {
            return;
        };
        let whole = end.0.saturating_sub(state.start.0);
        let busy = state.busy.load(Ordering::Relaxed).min(whole);
        let fields = [
            Attribute::new("busy_ns", busy),
            Attribute::new("idle_ns", whole - busy),
        ];
        let line = Line {
            time: self.shared.clock.utc(),
            level: *metadata.level(),
            target: metadata.target(),
            stamp: &Stamp {
                trace: Some(state.place.trace),
                request: state.place.request,
            },
            message: "close",
            fields: &fields,
            dropped: 0,
        };
        let spans = |each: &mut dyn FnMut(&SpanText<'_>)| {
            each_span(parent, each);
            each(&state.text(metadata));
        };
        lines.write(&line, &spans, &self.shared, &mut scratch.line);
    }
}

fn place_of<S: for<'a> LookupSpan<'a>>(span: &SpanRef<'_, S>) -> Option<Place> {
    let extensions = span.extensions();
    let state = extensions.get::<Box<SpanState>>()?;
    Some(state.place.clone())
}

/// How many spans a line tells, the innermost ones.
const DEEPEST: usize = 16;

/// Calls `each` with a span and those around it, the outermost first.
fn each_span<S>(innermost: Option<&SpanRef<'_, S>>, each: &mut dyn FnMut(&SpanText<'_>))
where
    S: for<'a> LookupSpan<'a>,
{
    let Some(innermost) = innermost else {
        return;
    };
    let spans: Vec<_> = innermost.scope().take(DEEPEST).collect();
    for span in spans.iter().rev() {
        if let Some(state) = span.extensions().get::<Box<SpanState>>() {
            each(&state.text(span.metadata()));
        }
    }
}

fn record(
    metadata: &'static Metadata<'static>,
    scratch: &mut Scratch,
    stamp: &Stamp,
    time: Timestamp,
) -> LogRecord {
    let named = ring::text(&scratch.fields, MARK).map(|name| Cow::Owned(name.to_owned()));
    // An event without a name of its own is called after its place in the code.
    let own = metadata.name();
    let own = (!own.starts_with("event ") && own != "log event").then_some(Cow::Borrowed(own));
    LogRecord {
        time,
        severity: match *metadata.level() {
            Level::TRACE => Severity::Trace,
            Level::DEBUG => Severity::Debug,
            Level::INFO => Severity::Info,
            Level::WARN => Severity::Warn,
            Level::ERROR => Severity::Error,
        },
        event_name: named.or(own),
        body: scratch.message.clone(),
        attributes: std::mem::take(&mut scratch.fields),
        dropped_attributes: scratch.dropped,
        trace: stamp.trace,
        request: stamp.request,
        scope: match scratch.target.take() {
            Some(target) => Cow::Owned(target),
            None => Cow::Borrowed(metadata.target()),
        },
    }
}
