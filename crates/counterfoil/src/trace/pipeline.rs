//! The pipeline: its settings, and what is drained from it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use counterfoil_core::{
    Clock, HeadSampler, IdSource, LogRecord, RandomIds, Redact, Redactor, SpanRecord, SystemClock,
    Timeline,
};
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Filtered;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::filter::CallsiteFilter;
use super::layer::PipelineLayer;
use super::limits::Limits;
use super::log::{LineCounts, Lines, LogLines};
use super::queue::{Queue, QueueCounts};
use super::ring::{self, RingFeed};
use super::sampling::{TailCounts, TailSampler};
use super::span_state::Ended;
use crate::Observer;

/// Turns what `tracing` reports into log lines, spans, log records and events of the ring. Cheap to clone; clones are handles
/// on the same pipeline.
///
/// The module's documentation shows the whole.
#[derive(Clone, Debug)]
pub struct Pipeline {
    shared: Arc<Shared>,
}

/// Settings of a [`Pipeline`]. What is not asked for is not made.
#[derive(Debug, Default)]
#[must_use]
pub struct PipelineBuilder {
    clock: Option<Arc<dyn Clock>>,
    ids: Option<Arc<dyn IdSource>>,
    redact: Option<Arc<dyn Redact>>,
    limits: Limits,
    level: Option<LevelFilter>,
    head: HeadSampler,
    tail: Option<TailSampler>,
    spans: Option<usize>,
    records: Option<usize>,
    lines: Option<LogLines>,
    ring: Option<Observer>,
}

/// What a pipeline has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PipelineCounts {
    /// Spans that ended and were to be recorded.
    pub spans: QueueCounts,
    /// What the tail sampler did with the spans that a drain has taken; zeros without one.
    pub tail: TailCounts,
    /// Log records.
    pub records: QueueCounts,
    /// Log lines.
    pub lines: LineCounts,
    /// Events that came from within the handling of another one, and were left out so that it ends.
    pub nested: u64,
    /// Marked events whose name is no [`ExtensionKind`](counterfoil_core::ExtensionKind); the ring has them under the kind of
    /// their place in the code.
    pub misnamed: u64,
}

/// What layer, filter and handles share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Tells this pipeline's spans from those of others in the same process.
    pub(crate) number: u64,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) redact: Arc<dyn Redact>,
    pub(crate) limits: Limits,
    pub(crate) level: LevelFilter,
    pub(crate) head: HeadSampler,
    pub(crate) lines: Option<Lines>,
    pub(crate) ring: Option<RingFeed>,
    pub(crate) spans: Option<Queue<Ended>>,
    pub(crate) records: Option<Queue<LogRecord>>,
    tail: Option<Mutex<TailSampler>>,
    nested: AtomicU64,
}

impl Pipeline {
    /// Chooses what is made of what `tracing` reports.
    pub fn builder() -> PipelineBuilder {
        PipelineBuilder::default()
    }

    /// The layer, for a subscriber of which an `EnvFilter` (or another filter for all layers) decides what is enabled. It
    /// has no opinion of its own, and so costs what is disabled nothing.
    ///
    /// One registry takes one layer of one pipeline; of two, only the one that was added last would see its spans end.
    #[must_use]
    pub fn layer(&self) -> PipelineLayer {
        PipelineLayer {
            shared: Arc::clone(&self.shared),
        }
    }

    /// The layer with a filter of its own, for a subscriber whose other layers have theirs: it leaves disabled what is no
    /// business of this pipeline. A span costs some tens of nanoseconds more than with [`layer`](Self::layer).
    #[must_use]
    pub fn filtered<S>(&self) -> Filtered<PipelineLayer, CallsiteFilter, S>
    where
        S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    {
        self.layer().with_filter(CallsiteFilter {
            shared: Arc::clone(&self.shared),
        })
    }

    /// Up to `max` spans that have ended and that the samplers keep, for a batch of an exporter.
    ///
    /// For one thread that calls it every second or so; an empty list says that nothing more is ready now. With a tail sampler
    /// a span is ready once its trace is decided.
    #[must_use]
    pub fn drain_spans(&self, max: usize) -> Vec<SpanRecord> {
        let Some(spans) = &self.shared.spans else {
            return Vec::new();
        };
        let timeline = Timeline::read(&self.shared.clock);
        let Some(mut tail) = self.tail() else {
            return spans.collect(max, |span| span.into_record(&timeline));
        };
        // No more than waited at the beginning, or it might never end while spans come in that are not kept.
        let mut left = spans.len();
        while tail.ready() < max && left > 0 {
            let next = left.min(max);
            spans.drain(next, |span| {
                tail.offer(span.into_record(&timeline), timeline.ticks());
            });
            left -= next;
        }
        tail.expire(timeline.ticks());
        tail.take(max)
    }

    /// Up to `max` log records, the oldest first.
    #[must_use]
    pub fn drain_logs(&self, max: usize) -> Vec<LogRecord> {
        let records = self.shared.records.as_ref();
        records.map_or_else(Vec::new, |records| records.collect(max, |record| record))
    }

    /// How many spans [`drain_spans`](Self::drain_spans) might give now, those of undecided traces among them.
    #[cfg(feature = "init")]
    pub(crate) fn waiting_spans(&self) -> usize {
        let queued = self.shared.spans.as_ref().map_or(0, Queue::len);
        let tail = self.tail();
        queued + tail.map_or(0, |tail| tail.ready() + tail.counts().held as usize)
    }

    /// How many log records [`drain_logs`](Self::drain_logs) would give now.
    #[cfg(feature = "init")]
    pub(crate) fn waiting_logs(&self) -> usize {
        self.shared.records.as_ref().map_or(0, Queue::len)
    }

    /// Which traces are recorded, decided where they begin: for whatever opens spans that the layer is told the ids of, such as
    /// the layers of `counterfoil-tower`, which take it as `.sampled(move |trace| sampler.samples(trace))`.
    #[must_use]
    pub fn head_sampler(&self) -> HeadSampler {
        self.shared.head
    }

    /// Has the tail sampler decide about every trace now, for the end of the program: afterwards drain until nothing is left.
    pub fn flush(&self) {
        let (Some(spans), Some(mut tail)) = (&self.shared.spans, self.tail()) else {
            return;
        };
        let timeline = Timeline::read(&self.shared.clock);
        spans.drain(spans.len(), |span| {
            tail.offer(span.into_record(&timeline), timeline.ticks());
        });
        tail.decide_all();
    }

    /// Shows as metrics what became of log lines, log records and spans, as long as the handle lives.
    #[cfg(feature = "metrics")]
    #[must_use = "the figures are shown only while the handle lives"]
    pub fn observe(
        &self,
        registry: &counterfoil_metrics::Registry,
    ) -> counterfoil_metrics::Observed {
        crate::figures::of_pipeline(registry, self.clone())
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> PipelineCounts {
        let shared = &self.shared;
        PipelineCounts {
            spans: shared.spans.as_ref().map(Queue::counts).unwrap_or_default(),
            tail: self.tail().map(|tail| tail.counts()).unwrap_or_default(),
            records: shared
                .records
                .as_ref()
                .map(Queue::counts)
                .unwrap_or_default(),
            lines: (shared.lines.as_ref().map(|lines| lines.writer.counts())).unwrap_or_default(),
            nested: shared.nested.load(Ordering::Relaxed),
            misnamed: shared.ring.as_ref().map_or(0, RingFeed::misnamed),
        }
    }

    fn tail(&self) -> Option<MutexGuard<'_, TailSampler>> {
        let tail = self.shared.tail.as_ref()?;
        Some(tail.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl PipelineBuilder {
    /// Where time comes from: the observer's clock unless told, or else the machine's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Where the ids of traces and spans come from: chance unless told.
    pub fn ids(mut self, ids: impl IdSource) -> Self {
        self.ids = Some(Arc::new(ids));
        self
    }

    /// What free text and fields pass before they are formatted as log lines or put into the ring: [`Redactor`]'s default policy
    /// unless told. Spans and log records are redacted on their way into an exporter.
    pub fn redact(mut self, redact: impl Redact) -> Self {
        self.redact = Some(Arc::new(redact));
        self
    }

    /// How much a span or a line may hold.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Leaves out what is more verbose than this. Everything that a filter before it lets through is taken unless told; with
    /// [`Pipeline::filtered`] set it.
    pub const fn level(mut self, level: LevelFilter) -> Self {
        self.level = Some(level);
        self
    }

    /// Records spans, of which up to `waiting` (1 to 1 048 576) wait for [`Pipeline::drain_spans`].
    pub const fn spans(mut self, waiting: usize) -> Self {
        self.spans = Some(waiting);
        self
    }

    /// Which traces are recorded, decided where they begin: all of them unless told.
    pub const fn head_sampler(mut self, sampler: HeadSampler) -> Self {
        self.head = sampler;
        self
    }

    /// Which of the recorded traces are kept, decided when they have ended.
    pub fn tail_sampler(mut self, sampler: TailSampler) -> Self {
        self.tail = Some(sampler);
        self
    }

    /// Makes log records of events, of which up to `waiting` (1 to 1 048 576) wait for [`Pipeline::drain_logs`].
    pub const fn log_records(mut self, waiting: usize) -> Self {
        self.records = Some(waiting);
        self
    }

    /// Writes log lines.
    pub fn log_lines(mut self, lines: LogLines) -> Self {
        self.lines = Some(lines);
        self
    }

    /// Puts warnings, errors and marked events into the ring of this observer.
    pub fn ring(mut self, observer: &Observer) -> Self {
        self.ring = Some(observer.clone());
        self
    }

    /// Puts the pipeline together.
    #[must_use]
    pub fn build(self) -> Pipeline {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let observers = self.ring.as_ref().map(|ring| Arc::clone(ring.clock()));
        let mut limits = self.limits;
        limits.line = limits.line.max(1_024);
        Pipeline {
            shared: Arc::new(Shared {
                number: NUMBERS.fetch_add(1, Ordering::Relaxed),
                clock: (self.clock.or(observers)).unwrap_or_else(|| Arc::new(SystemClock::new())),
                ids: self.ids.unwrap_or_else(|| Arc::new(RandomIds)),
                redact: self.redact.unwrap_or_else(|| Arc::new(Redactor::new())),
                limits,
                level: self.level.unwrap_or(LevelFilter::TRACE),
                head: self.head,
                lines: self.lines.map(LogLines::build),
                ring: self.ring.map(RingFeed::new),
                spans: self.spans.map(Queue::new),
                records: self.records.map(Queue::new),
                tail: self.tail.map(Mutex::new),
                nested: AtomicU64::new(0),
            }),
        }
    }
}

impl Shared {
    /// Whether the pipeline has a use for what comes from this place in the code. Spans always have one: they say where in a
    /// trace everything else is.
    pub(crate) fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let takes_all = metadata.is_span()
            || self.lines.is_some()
            || self.records.is_some()
            || self.spans.is_some();
        *metadata.level() <= self.level
            && (takes_all || self.ring.is_some() && ring::is_for_ring(metadata))
    }

    /// Whether the fields of spans are of use to anybody.
    pub(crate) const fn keeps_fields(&self) -> bool {
        self.spans.is_some() || self.lines.is_some()
    }

    /// Whether it is to be known for how long spans are entered.
    pub(crate) fn times_spans(&self) -> bool {
        self.lines.as_ref().is_some_and(|lines| lines.span_close)
    }

    pub(crate) fn count_nested(&self) {
        self.nested.fetch_add(1, Ordering::Relaxed);
    }
}
