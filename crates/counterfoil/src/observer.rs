//! The one call.

use std::sync::Arc;
use std::time::Duration;

use counterfoil_core::{
    Clock, Context, EventWords, FabricEvent, LeaseId, Name, OpType, ResourceType,
};

use crate::local::{Local, local};
use crate::{ContextSource, FailedOperation, ObserverBuilder, Receipt};

/// Records what happens, once, in every layer. Cheap to clone; clones record into the same layers.
///
/// | call | metrics | events | audit |
/// |---|---|---|---|
/// | [`lease_acquired`](Self::lease_acquired) and the other lease calls | count, active leases | yes | yes |
/// | [`operation`](Self::operation), [`operation_with`](Self::operation_with) | count, latency, bytes | – | – |
/// | [`operation_failed`](Self::operation_failed) | count by error | yes | yes |
/// | [`disconnected`](Self::disconnected), [`reconnected`](Self::reconnected) | count | yes | yes |
/// | [`record`](Self::record) | count | yes | yes |
///
/// A call costs some tens of nanoseconds, allocates nothing, takes no lock and writes no cache line that another thread
/// writes. Dearer are the first call of a thread, which claims its writers; calls of more threads at once than ring and log
/// have room for, which share one behind a mutex; a name that [`Name`] had no number for; [`record`](Self::record), whose data is
/// allocated; and a log that is told to block. It never fails and never panics; what the audit log refuses is counted there,
/// declared in the chain, and told by the [`Receipt`].
#[derive(Clone, Debug)]
pub struct Observer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) default_context: Context,
    #[cfg(feature = "metrics")]
    pub(crate) metrics: counterfoil_metrics::FabricMetrics,
    /// Keeps the other layers' figures in the registry.
    #[cfg(feature = "metrics")]
    pub(crate) _observed: Vec<Option<counterfoil_metrics::Observed>>,
    #[cfg(feature = "events")]
    pub(crate) events: counterfoil_events::EventRingBuffer,
    #[cfg(feature = "audit")]
    pub(crate) audit: Option<counterfoil_audit::AuditLog>,
}

impl Observer {
    /// Chooses the layers' settings.
    pub fn builder() -> ObserverBuilder {
        ObserverBuilder::default()
    }

    pub(crate) fn of(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// A lease was granted.
    #[inline]
    pub fn lease_acquired(
        &self,
        ctx: &impl ContextSource,
        resource_type: ResourceType,
        lease_id: LeaseId,
        node: &Name,
        bytes: u64,
    ) -> Receipt<'_> {
        self.event(
            ctx,
            &FabricEvent::LeaseAcquired {
                resource_type,
                lease_id,
                node: node.clone(),
                bytes,
            },
        )
    }

    /// A lease was renewed in time, for `ttl` from now on.
    #[inline]
    pub fn lease_renewed(
        &self,
        ctx: &impl ContextSource,
        resource_type: ResourceType,
        lease_id: LeaseId,
        node: &Name,
        ttl: Duration,
    ) -> Receipt<'_> {
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        self.event(
            ctx,
            &FabricEvent::LeaseRenewed {
                resource_type,
                lease_id,
                node: node.clone(),
                ttl_ms,
            },
        )
    }

    /// A lease was given back by its holder.
    #[inline]
    pub fn lease_released(
        &self,
        ctx: &impl ContextSource,
        resource_type: ResourceType,
        lease_id: LeaseId,
        node: &Name,
    ) -> Receipt<'_> {
        self.event(
            ctx,
            &FabricEvent::LeaseReleased {
                resource_type,
                lease_id,
                node: node.clone(),
            },
        )
    }

    /// A lease ran out without a renewal.
    #[inline]
    pub fn lease_expired(
        &self,
        ctx: &impl ContextSource,
        resource_type: ResourceType,
        lease_id: LeaseId,
        node: &Name,
    ) -> Receipt<'_> {
        self.event(
            ctx,
            &FabricEvent::LeaseExpired {
                resource_type,
                lease_id,
                node: node.clone(),
            },
        )
    }

    /// A lease was taken from its holder before its time; `by` is the lease that took its place, where one did.
    #[inline]
    pub fn lease_preempted(
        &self,
        ctx: &impl ContextSource,
        resource_type: ResourceType,
        lease_id: LeaseId,
        node: &Name,
        by: Option<LeaseId>,
        reason: &Name,
    ) -> Receipt<'_> {
        let (node, reason) = (node.clone(), reason.clone());
        self.event(
            ctx,
            &FabricEvent::LeasePreempted {
                resource_type,
                lease_id,
                node,
                by,
                reason,
            },
        )
    }

    /// A read, write or submission succeeded. Per-byte traffic goes to the metrics alone.
    #[inline]
    #[allow(
        unused_variables,
        reason = "without the feature `metrics` there is nothing to count in"
    )]
    pub fn operation(&self, op: OpType, elapsed: Duration, bytes: u64) {
        #[cfg(feature = "metrics")]
        self.inner
            .with_block(local(&self.inner).as_deref(), |block| {
                self.inner
                    .metrics
                    .record_operation_in(block, op, elapsed, bytes);
            });
    }

    /// A read, write or submission succeeded; where the context's span is sampled, the latency is offered as an exemplar, so
    /// that a dashboard leads from the bucket to the trace.
    #[inline]
    #[allow(
        unused_variables,
        reason = "without the feature `metrics` there is nothing to count in"
    )]
    pub fn operation_with(
        &self,
        ctx: &impl ContextSource,
        op: OpType,
        elapsed: Duration,
        bytes: u64,
    ) {
        #[cfg(feature = "metrics")]
        ctx.with_context(&self.inner.default_context, |ctx| {
            self.inner
                .with_block(local(&self.inner).as_deref(), |block| {
                    let metrics = &self.inner.metrics;
                    metrics.record_operation_with_in(block, op, elapsed, bytes, ctx.trace());
                });
        });
    }

    /// A read, write or submission failed.
    #[inline]
    pub fn operation_failed(
        &self,
        ctx: &impl ContextSource,
        failed: FailedOperation<'_>,
    ) -> Receipt<'_> {
        let FailedOperation {
            op,
            error,
            lease,
            node,
            elapsed,
            bytes,
        } = failed;
        self.event(
            ctx,
            &FabricEvent::OperationFailed {
                op,
                error,
                lease_id: lease,
                node: node.cloned(),
                bytes,
                elapsed_ns: u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX),
            },
        )
    }

    /// The connection to a node was lost.
    #[inline]
    pub fn disconnected(
        &self,
        ctx: &impl ContextSource,
        node: &Name,
        reason: &Name,
    ) -> Receipt<'_> {
        self.event(
            ctx,
            &FabricEvent::Disconnected {
                node: node.clone(),
                reason: reason.clone(),
            },
        )
    }

    /// A node can be reached again.
    #[inline]
    pub fn reconnected(&self, ctx: &impl ContextSource, node: &Name) -> Receipt<'_> {
        self.event(ctx, &FabricEvent::Reconnected { node: node.clone() })
    }

    /// An event that the caller has built. The calls above are this one with the event spelled out.
    #[inline]
    pub fn event(&self, ctx: &impl ContextSource, event: &FabricEvent) -> Receipt<'_> {
        // The clock is the caller's own code, so it is read before anything is borrowed.
        let ticks = self.inner.clock.ticks();
        ctx.with_context(&self.inner.default_context, |ctx| {
            let words = EventWords::encode(event, ctx, ticks);
            self.inner
                .write(local(&self.inner).as_deref(), event, ctx, &words)
        })
    }

    /// The metrics layer.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn metrics(&self) -> &counterfoil_metrics::FabricMetrics {
        &self.inner.metrics
    }

    /// The registry that the metrics are in, for instruments of an application's own and for snapshots.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn registry(&self) -> &counterfoil_metrics::Registry {
        self.inner.metrics.registry()
    }

    /// Every metric now, the figures of the other layers included.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn snapshot(&self) -> counterfoil_core::MetricSnapshot {
        self.inner
            .metrics
            .registry()
            .snapshot(self.inner.clock.utc())
    }

    /// The same for a reader beside the exporters, such as one that evaluates alerts: their exemplars and idle series are left alone.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn peek(&self) -> counterfoil_core::MetricSnapshot {
        self.registry().peek(self.inner.clock.utc())
    }

    /// The event layer.
    #[cfg(feature = "events")]
    #[must_use]
    pub fn events(&self) -> &counterfoil_events::EventRingBuffer {
        &self.inner.events
    }

    /// The audit layer, where one was given.
    #[cfg(feature = "audit")]
    #[must_use]
    pub fn audit(&self) -> Option<&counterfoil_audit::AuditLog> {
        self.inner.audit.as_ref()
    }

    /// Appends a record of another domain than leases, under a kind that carries its namespace.
    ///
    /// Like every call it reaches all layers: the metrics count it, the ring shows it as a
    /// [`Custom`](FabricEvent::Custom) event of that name, and the chain seals the data. Data is encoded by the sealer and
    /// costs the caller an allocation.
    ///
    /// ```
    /// use counterfoil::audit::Object;
    /// use counterfoil::{Context, DomainRecord, ExtensionKind, Observer, WorkloadIdentity};
    ///
    /// let observer = Observer::builder().build()?;
    /// let ctx = Context::new(WorkloadIdentity::tenant_only("acme"));
    /// let object_put: ExtensionKind = "vault.object_put".parse()?;
    /// let mut data = Object::new();
    /// data.insert("bucket", "b-1")?;
    /// observer.record(&ctx, DomainRecord::new(&object_put, data).value(4096));
    /// assert_eq!(observer.events().snapshot().events()[0].event.kind_name(), "vault.object_put");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "audit")]
    pub fn record(&self, ctx: &impl ContextSource, record: crate::DomainRecord<'_>) -> Receipt<'_> {
        let ticks = self.inner.clock.ticks();
        ctx.with_context(&self.inner.default_context, |ctx| {
            let event = record.event();
            let words = EventWords::encode(&event, ctx, ticks);
            let local = local(&self.inner);
            self.inner.observe(local.as_deref(), &event, ctx, &words);
            let Some(log) = &self.inner.audit else {
                return Receipt::none();
            };
            let input = record.into_input(&event, ctx);
            Receipt::of(Some(
                match local.as_ref().and_then(|local| local.lane.as_ref()) {
                    Some(lane) => log.ticket(lane.push_at(input, ticks)),
                    None => log.append(input),
                },
            ))
        })
    }

    /// Ends the audit layer: refuses further records, seals and syncs what is queued, anchors, within `deadline`, and tells
    /// what was left. The other layers go on. `None` without an audit log.
    #[cfg(feature = "audit")]
    #[must_use = "it says whether something was left behind"]
    pub fn close(&self, deadline: Duration) -> Option<counterfoil_audit::CloseReport> {
        self.inner.audit.as_ref().map(|log| log.close(deadline))
    }

    /// The context of calls where none was entered.
    #[cfg(feature = "tracing")]
    pub(crate) fn default_context(&self) -> &Context {
        &self.inner.default_context
    }

    /// The clock that all layers share.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }
}

impl Inner {
    /// Calls `f` with this thread's cells; near the end of a thread with cells that are claimed for this call alone.
    #[cfg(feature = "metrics")]
    #[inline]
    fn with_block(&self, local: Option<&Local>, f: impl Fn(&counterfoil_metrics::ThreadBlock)) {
        match local {
            Some(local) => f(&local.block),
            None => f(&self.metrics.registry().thread_block()),
        }
    }

    /// Writes one event to the layers that there are.
    #[inline]
    #[allow(
        unused_variables,
        reason = "each argument is used by some layer, and a layer is a feature"
    )]
    fn write(
        &self,
        local: Option<&Local>,
        event: &FabricEvent,
        ctx: &Context,
        words: &EventWords,
    ) -> Receipt<'_> {
        self.observe(local, event, ctx, words);
        #[cfg(feature = "audit")]
        if let Some(log) = &self.audit {
            let ticket = match local.and_then(|local| local.lane.as_ref()) {
                Some(lane) => log.ticket(lane.push_event(words, event, ctx)),
                None => log.append_event(event, ctx),
            };
            return Receipt::of(Some(ticket));
        }
        Receipt::none()
    }

    /// Writes one event to the layers that seal nothing.
    #[inline]
    #[allow(
        unused_variables,
        reason = "each argument is used by some layer, and a layer is a feature"
    )]
    fn observe(
        &self,
        local: Option<&Local>,
        event: &FabricEvent,
        ctx: &Context,
        words: &EventWords,
    ) {
        #[cfg(feature = "metrics")]
        self.with_block(local, |block| {
            self.metrics.record_with_in(block, event, ctx.trace());
        });
        #[cfg(feature = "events")]
        match local {
            Some(local) => local.ring.push_words(words),
            None => self.events.push_words(words),
        }
    }
}
