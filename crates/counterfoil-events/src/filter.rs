//! Which events to look at.

use counterfoil_core::{Event, LeaseId, RequestId, Timestamp, TraceId};

/// Keys that an event must have, all of them; a filter without keys lets everything through.
///
/// ```
/// use counterfoil_core::LeaseId;
/// use counterfoil_events::Filter;
/// let filter = Filter::new().lease(LeaseId(7)).node("node-a");
/// # let _ = filter;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Filter {
    lease: Option<LeaseId>,
    node: Option<String>,
    tenant: Option<String>,
    trace: Option<TraceId>,
    request: Option<RequestId>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Filter {
    /// Lets everything through.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Events about this lease.
    #[must_use]
    pub const fn lease(mut self, lease: LeaseId) -> Self {
        self.lease = Some(lease);
        self
    }

    /// Events about this node.
    #[must_use]
    pub fn node(mut self, node: impl Into<String>) -> Self {
        self.node = Some(node.into());
        self
    }

    /// Events on behalf of this tenant.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Events of this trace, whichever their span.
    #[must_use]
    pub const fn trace(mut self, trace: TraceId) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Events of this request.
    #[must_use]
    pub const fn request(mut self, request: RequestId) -> Self {
        self.request = Some(request);
        self
    }

    /// Events at this time or later.
    #[must_use]
    pub const fn since(mut self, time: Timestamp) -> Self {
        self.since = Some(time);
        self
    }

    /// Events at this time or earlier.
    #[must_use]
    pub const fn until(mut self, time: Timestamp) -> Self {
        self.until = Some(time);
        self
    }

    /// Whether `event` has every key that is asked for.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        let Event {
            time,
            context,
            event,
        } = event;
        let trace_id = context.trace().map(|trace| trace.trace_id);
        wanted(self.lease, event.lease_id())
            && wanted(self.node.as_deref(), event.node().map(|node| node.as_str()))
            && wanted(self.tenant.as_deref(), Some(context.tenant()))
            && wanted(self.trace, trace_id)
            && wanted(self.request, context.request().copied())
            && self.covers(*time)
    }

    /// Whether `time` lies within the window that is asked for. Cheaper than [`matches`](Self::matches): no names are read.
    pub(crate) fn covers(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time <= until)
    }
}

fn wanted<T: PartialEq>(asked: Option<T>, given: Option<T>) -> bool {
    asked.is_none() || asked == given
}
