//! Whole records with everything sensitive replaced. Each is borrowed when nothing was.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use super::Redact;
use crate::{
    Attribute, AttributeValue, Event, FabricEvent, LogRecord, MetricFamily, MetricSnapshot,
    MetricValue, Name, RequestId, Series, SeriesMeta, SpanEvent, SpanRecord, SpanStatus,
};

impl Event {
    /// The event with what `policy` finds in its names replaced. A principal is a pseudonym by its type and is only looked at
    /// for the shape of a secret.
    #[must_use]
    pub fn redacted(&self, policy: &dyn Redact) -> Cow<'_, Self> {
        let exchange = |name: &Name| {
            policy
                .redact(name.as_str())
                .map(|it| Name::one_of_many(&it))
        };
        let mut event = Cow::Borrowed(self);
        let context = &self.context;
        let identity = context.identity();
        let mut names = [
            Some(&identity.tenant),
            identity.workload.as_ref(),
            identity.principal.as_ref(),
        ]
        .into_iter()
        .chain([
            context.tag().map(crate::AccountingTag::name),
            context.from(),
        ]);
        if names.any(|name| name.and_then(&exchange).is_some()) {
            event.to_mut().context = context.clone().map_names(exchange);
        }
        if let Some(request) = request(policy, context.request()) {
            let context = event.context.clone().with_request(request);
            event.to_mut().context = context;
        }
        let mut what = self.event.clone();
        let changed = names_of(&mut what)
            .into_iter()
            .flatten()
            .filter_map(|name| {
                *name = exchange(name)?;
                Some(())
            });
        if changed.count() > 0 {
            event.to_mut().event = what;
        }
        event
    }
}

fn names_of(event: &mut FabricEvent) -> [Option<&mut Name>; 2] {
    match event {
        FabricEvent::LeaseAcquired { node, .. }
        | FabricEvent::LeaseRenewed { node, .. }
        | FabricEvent::LeaseReleased { node, .. }
        | FabricEvent::LeaseExpired { node, .. }
        | FabricEvent::Reconnected { node } => [Some(node), None],
        FabricEvent::LeasePreempted { node, reason, .. }
        | FabricEvent::Disconnected { node, reason } => [Some(node), Some(reason)],
        FabricEvent::OperationFailed { node, .. } | FabricEvent::Custom { node, .. } => {
            [node.as_mut(), None]
        }
    }
}

impl LogRecord {
    /// The record with what `policy` finds in its body, its name and its attributes replaced.
    #[must_use]
    pub fn redacted(&self, policy: &dyn Redact) -> Cow<'_, Self> {
        let mut log = Cow::Borrowed(self);
        if let Some(body) = policy.redact(&self.body) {
            log.to_mut().body = body;
        }
        if let Some(name) = self.event_name.as_ref().and_then(|it| policy.redact(it)) {
            log.to_mut().event_name = Some(name.into());
        }
        if let Some(request) = request(policy, self.request.as_ref()) {
            log.to_mut().request = Some(request);
        }
        for (at, attribute) in changed(policy, &self.attributes) {
            log.to_mut().attributes[at] = attribute;
        }
        log
    }
}

impl SpanRecord {
    /// The span with what `policy` finds in its name, its status, its attributes and its events replaced.
    #[must_use]
    pub fn redacted(&self, policy: &dyn Redact) -> Cow<'_, Self> {
        let mut span = Cow::Borrowed(self);
        if let Some(name) = policy.redact(&self.name) {
            span.to_mut().name = name.into();
        }
        if let SpanStatus::Error(message) = &self.status
            && let Some(message) = policy.redact(message)
        {
            span.to_mut().status = SpanStatus::Error(message.into());
        }
        if let Some(state) = self.trace_state.as_ref().and_then(|it| policy.redact(it)) {
            span.to_mut().trace_state = Some(state.into());
        }
        if let Some(request) = request(policy, self.request.as_ref()) {
            span.to_mut().request = Some(request);
        }
        for (at, attribute) in changed(policy, &self.attributes) {
            span.to_mut().attributes[at] = attribute;
        }
        for (at, event) in self.events.iter().enumerate() {
            if let Cow::Owned(event) = event.redacted(policy) {
                span.to_mut().events[at] = event;
            }
        }
        span
    }
}

impl SpanEvent {
    fn redacted(&self, policy: &dyn Redact) -> Cow<'_, Self> {
        let mut event = Cow::Borrowed(self);
        if let Some(name) = policy.redact(&self.name) {
            event.to_mut().name = name.into();
        }
        for (at, attribute) in changed(policy, &self.attributes) {
            event.to_mut().attributes[at] = attribute;
        }
        event
    }
}

impl Attribute {
    /// The attribute with what `policy` finds in it replaced, or `None` when it may stay. Numbers and truth values are judged
    /// by their decimal form.
    #[must_use]
    pub fn redacted(&self, policy: &dyn Redact) -> Option<Self> {
        let value = match &self.value {
            AttributeValue::Text(text) => policy.redact_value(&self.key, text),
            AttributeValue::Int(number) => {
                policy.redact_value(&self.key, Decimal::of(*number).text())
            }
            AttributeValue::Bool(true) => policy.redact_value(&self.key, "true"),
            AttributeValue::Bool(false) => policy.redact_value(&self.key, "false"),
            // A fraction has no shape of a secret.
            AttributeValue::Float(_) => policy.redact_value(&self.key, "0.5"),
        };
        let key = policy.redact(&self.key);
        (value.is_some() || key.is_some()).then(|| Self {
            key: key.map_or_else(|| self.key.clone(), Into::into),
            value: value.map_or_else(|| self.value.clone(), Into::into),
        })
    }
}

impl MetricSnapshot {
    /// The snapshot with what `policy` finds in names, descriptions and labels replaced. Series that then have the same labels
    /// become one: totals are added up, of other values the last one stays.
    #[must_use]
    pub fn redacted(&self, policy: &dyn Redact) -> Cow<'_, Self> {
        let mut snapshot = Cow::Borrowed(self);
        for (at, family) in self.families.iter().enumerate() {
            if let Cow::Owned(family) = family.redacted(policy) {
                snapshot.to_mut().families[at] = family;
            }
        }
        snapshot
    }
}

impl MetricFamily {
    fn redacted(&self, policy: &dyn Redact) -> Cow<'_, Self> {
        let mut family = Cow::Borrowed(self);
        if let Some(name) = policy.redact(&self.name) {
            family.to_mut().name = name.into();
        }
        if let Some(description) = policy.redact(&self.description) {
            family.to_mut().description = description.into();
        }
        let mut changed = false;
        for (at, series) in self.series.iter().enumerate() {
            if let Some(meta) = series.meta.redacted(policy) {
                family.to_mut().series[at].meta = Arc::new(meta);
                changed = true;
            }
        }
        if changed {
            let series = &mut family.to_mut().series;
            series.sort_by(|a, b| a.meta.cmp(&b.meta));
            series.dedup_by(|later, earlier| earlier.absorb(later));
        }
        family
    }
}

impl SeriesMeta {
    /// The labels with what `policy` finds in them replaced, or `None` when they may stay.
    #[must_use]
    pub fn redacted(&self, policy: &dyn Redact) -> Option<Self> {
        let mut labels: Option<Vec<(Arc<str>, Arc<str>)>> = None;
        for (at, (key, value)) in self.labels.iter().enumerate() {
            if let Some(value) = policy.redact_label(key, value) {
                labels.get_or_insert_with(|| self.labels.clone())[at].1 = value.into();
            }
            if let Some(key) = policy.redact(key) {
                labels.get_or_insert_with(|| self.labels.clone())[at].0 = key.into();
            }
        }
        labels.map(|mut labels| {
            labels.sort();
            Self { labels }
        })
    }
}

impl Series {
    /// Takes over `other` if it has the same labels.
    fn absorb(&mut self, other: &Self) -> bool {
        if self.meta != other.meta {
            return false;
        }
        match (&mut self.value, &other.value) {
            (MetricValue::Counter(sum), MetricValue::Counter(more)) => {
                *sum = sum.saturating_add(*more);
            }
            (MetricValue::FloatCounter(sum), MetricValue::FloatCounter(more)) => *sum += more,
            (MetricValue::UpDownCounter(sum), MetricValue::UpDownCounter(more)) => {
                *sum = sum.saturating_add(*more);
            }
            (value, other) => *value = other.clone(),
        }
        true
    }
}

fn changed(
    policy: &dyn Redact,
    attributes: &[Attribute],
) -> impl Iterator<Item = (usize, Attribute)> {
    attributes
        .iter()
        .enumerate()
        .filter_map(move |(at, attribute)| Some((at, attribute.redacted(policy)?)))
}

impl RequestId {
    /// What stands for an id that has the shape of a secret, or `None` when it may stay. It is `REDACTED`, for an id has no
    /// brackets.
    #[must_use]
    pub fn redacted(&self, policy: &dyn Redact) -> Option<Self> {
        policy.redact(self.as_str())?;
        Self::from_bytes(b"REDACTED")
    }
}

fn request(policy: &dyn Redact, request: Option<&RequestId>) -> Option<RequestId> {
    request?.redacted(policy)
}

/// A whole number as text, without an allocation.
struct Decimal {
    bytes: [u8; 20],
    len: usize,
}

impl Decimal {
    fn of(number: i64) -> Self {
        let mut decimal = Self {
            bytes: [0; 20],
            len: 0,
        };
        // The longest has a sign and nineteen digits, which is all there is room for.
        write!(decimal, "{number}").ok();
        decimal
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl Write for Decimal {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
