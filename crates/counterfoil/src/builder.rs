//! Settings of an observer.

use std::sync::Arc;

use counterfoil_core::{Clock, Context, SystemClock, WorkloadIdentity};
#[cfg(any(feature = "metrics", feature = "events"))]
use counterfoil_core::{Redact, Redactor};

use crate::observer::Inner;
use crate::{Error, ErrorKind, Observer};

/// Settings of an [`Observer`]. What is not chosen has a default that works: a registry and a ring of their own, the
/// machine's clock, no audit log.
#[derive(Debug, Default)]
#[must_use]
pub struct ObserverBuilder {
    clock: Option<Arc<dyn Clock>>,
    default_context: Option<Context>,
    #[cfg(any(feature = "metrics", feature = "events"))]
    policy: Option<Arc<dyn Redact>>,
    #[cfg(feature = "metrics")]
    registry: Option<counterfoil_metrics::Registry>,
    #[cfg(feature = "events")]
    events: Option<counterfoil_events::EventRingBuffer>,
    #[cfg(feature = "audit")]
    audit: Option<counterfoil_audit::AuditLog>,
    #[cfg(all(feature = "metrics", feature = "witness"))]
    witnesses: Option<counterfoil_anchor_witness::FiguresReader>,
    #[cfg(all(feature = "metrics", feature = "health"))]
    health: Option<counterfoil_health::ReportReader>,
}

impl ObserverBuilder {
    /// Where calls take their time from: the audit log's clock unless told, else the ring's, else the machine's. A layer that
    /// is given must have the same clock, because it translates the stamps of calls with its own.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// The context of calls with [`Current`](crate::Current) where none was entered: the tenant `unknown` unless told.
    pub fn default_context(mut self, context: Context) -> Self {
        self.default_context = Some(context);
        self
    }

    /// Keeps secrets out of the layers that this builder makes: the default [`Redactor`] unless told. A layer that is given keeps the
    /// policy that it was built with, which is the default one unless it was told otherwise.
    #[cfg(any(feature = "metrics", feature = "events"))]
    pub fn redact(mut self, policy: impl Redact) -> Self {
        self.policy = Some(Arc::new(policy));
        self
    }

    /// Counts in this registry, which may hold an application's own instruments as well.
    #[cfg(feature = "metrics")]
    pub fn registry(mut self, registry: counterfoil_metrics::Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Keeps events in this ring.
    #[cfg(feature = "events")]
    pub fn events(mut self, events: counterfoil_events::EventRingBuffer) -> Self {
        self.events = Some(events);
        self
    }

    /// Seals records in this log.
    #[cfg(feature = "audit")]
    pub fn audit(mut self, log: counterfoil_audit::AuditLog) -> Self {
        self.audit = Some(log);
        self
    }

    /// Shows as metrics what came of asking the witnesses: the figures of the anchor store that the audit log was given.
    #[cfg(all(feature = "metrics", feature = "witness"))]
    pub fn witnesses(mut self, figures: counterfoil_anchor_witness::FiguresReader) -> Self {
        self.witnesses = Some(figures);
        self
    }

    /// Shows as metrics how the checks of this registry stand, as long as somebody else keeps it.
    #[cfg(all(feature = "metrics", feature = "health"))]
    pub fn health(mut self, health: &counterfoil_health::Health) -> Self {
        self.health = Some(health.reader());
        self
    }

    /// Puts the layers together and registers their figures with the metrics.
    ///
    /// # Errors
    /// [`ErrorKind::ClocksDiffer`] when a layer that was given reads another clock.
    pub fn build(self) -> Result<Observer, Error> {
        let given: Vec<Option<(&str, Arc<dyn Clock>)>> = vec![
            #[cfg(feature = "audit")]
            self.audit
                .as_ref()
                .map(|log| ("audit log", Arc::clone(log.clock()))),
            #[cfg(feature = "events")]
            self.events
                .as_ref()
                .map(|ring| ("event ring", Arc::clone(ring.clock()))),
        ];
        let given: Vec<_> = given.into_iter().flatten().collect();
        let clock = agreed_clock(self.clock, &given)?;
        #[cfg(any(feature = "metrics", feature = "events"))]
        let policy = self.policy.unwrap_or_else(|| Arc::new(Redactor::new()));
        #[cfg(feature = "metrics")]
        let registry = self.registry.unwrap_or_else(|| {
            counterfoil_metrics::Registry::builder()
                .clock(Arc::clone(&clock))
                .redact(Arc::clone(&policy))
                .build()
        });
        #[cfg(feature = "events")]
        let events = self.events.unwrap_or_else(|| default_ring(&clock, policy));
        #[cfg(feature = "audit")]
        let audit = self.audit;
        Ok(Observer::of(Inner {
            default_context: self
                .default_context
                .unwrap_or_else(|| Context::new(WorkloadIdentity::tenant_only("unknown"))),
            clock,
            #[cfg(feature = "metrics")]
            metrics: counterfoil_metrics::FabricMetrics::new(&registry),
            #[cfg(feature = "metrics")]
            _observed: vec![
                Some(crate::figures::of_process(&registry)),
                #[cfg(feature = "events")]
                Some(crate::figures::of_events(&registry, &events)),
                #[cfg(feature = "audit")]
                audit
                    .as_ref()
                    .map(|log| crate::figures::of_audit(&registry, log)),
                #[cfg(feature = "witness")]
                self.witnesses
                    .map(|witnesses| crate::figures::of_witnesses(&registry, witnesses)),
                #[cfg(feature = "health")]
                self.health
                    .map(|health| crate::figures::of_health(&registry, health)),
            ],
            #[cfg(feature = "events")]
            events,
            #[cfg(feature = "audit")]
            audit,
        }))
    }
}

/// The chosen clock, else the first given one, else the machine's; an error when one of the given ones is another.
fn agreed_clock(
    chosen: Option<Arc<dyn Clock>>,
    given: &[(&str, Arc<dyn Clock>)],
) -> Result<Arc<dyn Clock>, Error> {
    let clock = chosen
        .or_else(|| given.first().map(|(_, clock)| Arc::clone(clock)))
        .unwrap_or_else(|| Arc::new(SystemClock::new()));
    for (layer, other) in given {
        // A reading of the same clock lies between two others.
        let (before, between, after) = (clock.ticks(), other.ticks(), clock.ticks());
        if !(before..=after).contains(&between) {
            return Err(Error::new(
                ErrorKind::ClocksDiffer,
                "build an observer",
                format!(
                    "the {layer} that was given reads another clock; make it with the clock that the observer is to have"
                ),
            ));
        }
    }
    Ok(clock)
}

#[cfg(feature = "events")]
fn default_ring(
    clock: &Arc<dyn Clock>,
    policy: Arc<dyn Redact>,
) -> counterfoil_events::EventRingBuffer {
    let ring = counterfoil_events::EventRingBuffer::builder()
        .clock(Arc::clone(clock))
        .redact(policy)
        .build();
    #[expect(
        clippy::expect_used,
        reason = "only sizes can be refused, and these are the crate's own"
    )]
    ring.expect("the default sizes are valid")
}
