//! Nothing sensitive reaches an exporter.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use counterfoil_core::{Event, LogRecord, Redact, Redactor, SpanRecord};

use crate::batch::{Batch, Signals};
use crate::error::Error;
use crate::exporter::Exporter;

/// Redacts each batch before the exporter behind it sees it: the labels of metrics, the names in events, the names,
/// attributes, events and status of spans, the bodies and attributes of log records. Sealed lines are never changed; they were
/// redacted before they were hashed.
///
/// A batch in which nothing is found is passed on as it is, without a copy. Put it around the exporter itself, within
/// [`FanOut`](crate::FanOut) where the destinations differ in what they may see.
///
/// ```
/// use counterfoil_core::Redactor;
/// use counterfoil_exporter::{JsonLinesExporter, Redacting};
///
/// let exporter = Redacting::new(JsonLinesExporter::new(Vec::new()));
/// let narrower = Redacting::new(JsonLinesExporter::new(Vec::new()))
///     .with_policy(Redactor::builder().deny("*_licence")?.build());
/// # Ok::<(), counterfoil_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Redacting<E> {
    inner: E,
    policy: Arc<dyn Redact>,
}

impl<E: Exporter> Redacting<E> {
    /// Redacts by the default policy.
    pub fn new(inner: E) -> Self {
        Self {
            inner,
            policy: Arc::new(Redactor::new()),
        }
    }

    /// Redacts by another one.
    #[must_use]
    pub fn with_policy(mut self, policy: impl Redact) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// The exporter behind it.
    pub const fn inner(&self) -> &E {
        &self.inner
    }
}

impl<E: Exporter> Exporter for Redacting<E> {
    fn signals(&self) -> Signals {
        self.inner.signals()
    }

    fn export(&self, batch: Batch) -> Result<(), Error> {
        self.inner.export(batch.redacted(&*self.policy))
    }

    fn flush(&self, deadline: Instant) -> Result<(), Error> {
        self.inner.flush(deadline)
    }
}

impl Batch {
    /// The batch with what `policy` finds replaced; sealed lines stay as they are.
    #[must_use]
    pub fn redacted(self, policy: &dyn Redact) -> Self {
        match self {
            Self::Metrics(snapshot) => Self::Metrics(match snapshot.redacted(policy) {
                Cow::Borrowed(_) => snapshot,
                Cow::Owned(redacted) => Arc::new(redacted),
            }),
            Self::Events(events) => Self::Events(each(events, |it: &Event| it.redacted(policy))),
            Self::Spans(spans) => Self::Spans(each(spans, |it: &SpanRecord| it.redacted(policy))),
            Self::Logs(logs) => Self::Logs(each(logs, |it: &LogRecord| it.redacted(policy))),
            Self::Sealed(lines) => Self::Sealed(lines),
        }
    }
}

/// The items after `redact`, copied from the first one on that it changes.
fn each<T: Clone>(items: Arc<[T]>, redact: impl Fn(&T) -> Cow<'_, T>) -> Arc<[T]> {
    let first = items
        .iter()
        .enumerate()
        .find_map(|(at, item)| match redact(item) {
            Cow::Borrowed(_) => None,
            Cow::Owned(changed) => Some((at, changed)),
        });
    let Some((at, changed)) = first else {
        return items;
    };
    let rest = items[at + 1..].iter().map(|item| redact(item).into_owned());
    let before = items[..at].iter().cloned();
    before.chain([changed]).chain(rest).collect()
}
