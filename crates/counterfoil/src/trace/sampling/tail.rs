//! The tail sampler: a trace is judged when it has ended.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use counterfoil_core::{SpanRecord, Ticks, TraceId};

use super::decided::Decided;
use super::rules::SamplingRules;

/// Holds the spans of a trace until its end is known, and then keeps all of them or none, by [`SamplingRules`].
///
/// A trace ends for this process with the span that has no parent here: the root of the trace, or the one whose parent is
/// remote. Where no such span comes the trace is judged after a timeout. Spans that come later follow the decision, as long as it
/// is remembered.
///
/// Memory is bounded by numbers of traces and spans. When one is reached, the oldest trace is judged by what is known of it; if
/// that does not keep it, its spans are counted as evicted, and the trace begins anew with its next span. So
/// `offered = kept + dropped + evicted + held` holds exactly.
///
/// It sees what the head sampler lets through: sample everything there if no error may be missed.
#[derive(Debug)]
pub struct TailSampler {
    rules: SamplingRules,
    limits: TailLimits,
    service: String,
    open: HashMap<TraceId, Open>,
    /// The open traces by age.
    by_age: BTreeMap<u64, TraceId>,
    next_number: u64,
    decided: Decided,
    ready: VecDeque<SpanRecord>,
    counts: TailCounts,
}

/// How much a [`TailSampler`] holds, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TailLimits {
    /// Traces that are not decided yet: 4 096 unless told.
    pub traces: usize,
    /// Spans of traces that are not decided yet, in all: 32 768 unless told.
    pub spans: usize,
    /// How long a trace may wait for its end, from its first span on: 30 s unless told.
    pub timeout: Duration,
    /// Decisions that are remembered: 16 384 unless told.
    pub remembered: usize,
}

impl Default for TailLimits {
    fn default() -> Self {
        Self {
            traces: 4_096,
            spans: 32_768,
            timeout: Duration::from_secs(30),
            remembered: 16_384,
        }
    }
}

/// What became of the spans that a [`TailSampler`] was offered: `offered = kept + dropped + evicted + held`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TailCounts {
    /// How many were offered.
    pub offered: u64,
    /// How many belong to traces that are kept.
    pub kept: u64,
    /// How many belong to traces that the rules do not keep.
    pub dropped: u64,
    /// How many had to go because a bound was reached before their trace was decided.
    pub evicted: u64,
    /// How many wait for a decision.
    pub held: u64,
}

/// A trace that is not decided yet.
#[derive(Debug)]
struct Open {
    number: u64,
    since: Ticks,
    spans: Vec<SpanRecord>,
    /// The rules that hold for one of the spans, a bit for each.
    holding: u64,
}

impl TailSampler {
    /// Judges by these rules, within the default limits.
    #[must_use]
    pub fn new(rules: SamplingRules) -> Self {
        Self {
            rules,
            limits: TailLimits::default(),
            service: String::new(),
            open: HashMap::new(),
            by_age: BTreeMap::new(),
            next_number: 0,
            decided: Decided::new(TailLimits::default().remembered),
            ready: VecDeque::new(),
            counts: TailCounts::default(),
        }
    }

    /// How much it holds, and for how long.
    #[must_use]
    pub fn limits(mut self, limits: TailLimits) -> Self {
        self.decided = Decided::new(limits.remembered);
        self.limits = limits;
        self
    }

    /// What rules know as `service`.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = name.into();
        self
    }

    /// Takes a span that has ended.
    pub(crate) fn offer(&mut self, span: SpanRecord, now: Ticks) {
        self.counts.offered += 1;
        let trace = span.trace.trace_id;
        if let Some(keep) = self.decided.get(trace) {
            self.settle(vec![span], keep);
            return;
        }
        let ends = span.parent.is_none() || span.parent_is_remote;
        let first_rule = self.hold(span, now) & 1 == 1;
        // What comes yet cannot change what the first rule has decided.
        if ends || first_rule {
            self.decide(trace);
        }
        while self.open.len() > self.limits.traces || self.counts.held as usize > self.limits.spans
        {
            self.evict_oldest();
        }
    }

    /// Judges the traces that have waited for their end too long.
    pub(crate) fn expire(&mut self, now: Ticks) {
        let timeout = u64::try_from(self.limits.timeout.as_nanos()).unwrap_or(u64::MAX);
        while let Some((_, &trace)) = self.by_age.first_key_value() {
            let since = self.open.get(&trace).map_or(now, |open| open.since);
            if now.0.saturating_sub(since.0) < timeout {
                return;
            }
            self.decide(trace);
        }
    }

    /// Judges every trace now.
    pub(crate) fn decide_all(&mut self) {
        while let Some((_, &trace)) = self.by_age.first_key_value() {
            self.decide(trace);
        }
    }

    /// How many spans can be taken.
    pub(crate) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Up to `max` spans of traces that are kept.
    pub(crate) fn take(&mut self, max: usize) -> Vec<SpanRecord> {
        let many = max.min(self.ready.len());
        self.ready.drain(..many).collect()
    }

    pub(crate) const fn counts(&self) -> TailCounts {
        self.counts
    }

    #[cfg(test)]
    pub(super) fn open_traces(&self) -> usize {
        self.open.len()
    }

    /// Adds a span to its trace; the rules that hold for the trace by now.
    fn hold(&mut self, span: SpanRecord, now: Ticks) -> u64 {
        let trace = span.trace.trace_id;
        let holding = self.rules.holding(&span, &self.service);
        let open = self.open.entry(trace).or_insert_with(|| {
            let number = self.next_number;
            self.next_number += 1;
            self.by_age.insert(number, trace);
            Open {
                number,
                since: now,
                spans: Vec::new(),
                holding: 0,
            }
        });
        open.spans.push(span);
        open.holding |= holding;
        self.counts.held += 1;
        open.holding
    }

    fn close(&mut self, trace: TraceId) -> Option<(Vec<SpanRecord>, bool)> {
        let open = self.open.remove(&trace)?;
        self.by_age.remove(&open.number);
        self.counts.held -= open.spans.len() as u64;
        let keep = self.rules.sampler(open.holding).samples(trace);
        Some((open.spans, keep))
    }

    fn decide(&mut self, trace: TraceId) {
        if let Some((spans, keep)) = self.close(trace) {
            self.decided.remember(trace, keep);
            self.settle(spans, keep);
        }
    }

    fn evict_oldest(&mut self) {
        let Some((_, &trace)) = self.by_age.first_key_value() else {
            return;
        };
        match self.close(trace) {
            Some((spans, true)) => {
                self.decided.remember(trace, true);
                self.settle(spans, true);
            }
            Some((spans, false)) => self.counts.evicted += spans.len() as u64,
            None => {}
        }
    }

    fn settle(&mut self, spans: Vec<SpanRecord>, keep: bool) {
        let many = spans.len() as u64;
        if keep {
            self.counts.kept += many;
            self.ready.extend(spans);
        } else {
            self.counts.dropped += many;
        }
    }
}
