//! The keys that the three layers share.

use crate::event_words::ContextWords;
use crate::{AccountingTag, Name, RequestId, TraceContext, TraceState, WorkloadIdentity};

/// On whose behalf and within which trace and request something happens.
///
/// Built once per task or request (interning its names, encoding its ids) and then only read: recording an event under a
/// context copies a few words of it.
#[derive(Clone, Debug)]
pub struct Context {
    identity: WorkloadIdentity,
    tag: Option<AccountingTag>,
    from: Option<Name>,
    trace: Option<TraceContext>,
    trace_state: Option<TraceState>,
    request: Option<RequestId>,
    words: ContextWords,
}

impl Context {
    /// A context of which only the identity is known.
    #[must_use]
    pub fn new(identity: WorkloadIdentity) -> Self {
        Self::in_request(identity, None, None, None)
    }

    /// A context within a trace and a request.
    pub(crate) fn in_request(
        identity: WorkloadIdentity,
        trace: Option<TraceContext>,
        trace_state: Option<TraceState>,
        request: Option<RequestId>,
    ) -> Self {
        let context = Self {
            identity,
            tag: None,
            from: None,
            trace,
            trace_state,
            request,
            words: ContextWords::default(),
        };
        context.encoded()
    }

    /// The same, on behalf of somebody else: what a handler knows once it has resolved who is asking.
    #[must_use]
    pub fn with_identity(mut self, identity: WorkloadIdentity) -> Self {
        self.identity = identity;
        self.encoded()
    }

    /// Books costs on `tag`.
    #[must_use]
    pub fn with_tag(mut self, tag: AccountingTag) -> Self {
        self.tag = Some(tag);
        self.encoded()
    }

    /// Notes the origin: an address or a service.
    #[must_use]
    pub fn with_from(self, from: &str) -> Self {
        self.with_from_name(Name::one_of_many(from))
    }

    pub(crate) fn with_from_name(mut self, from: Name) -> Self {
        self.from = Some(from);
        self.encoded()
    }

    /// Joins a trace.
    #[must_use]
    pub fn with_trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self.encoded()
    }

    /// Passes on what other tracing systems say about the trace.
    #[must_use]
    pub fn with_trace_state(mut self, state: TraceState) -> Self {
        self.trace_state = Some(state);
        self
    }

    /// Joins a request.
    #[must_use]
    pub fn with_request(mut self, request: RequestId) -> Self {
        self.request = Some(request);
        self.encoded()
    }

    /// The same context with those names exchanged for which `exchange` has another.
    pub(crate) fn map_names(mut self, exchange: impl Fn(&Name) -> Option<Name>) -> Self {
        let swap = |name: &mut Name| {
            if let Some(other) = exchange(name) {
                *name = other;
            }
        };
        swap(&mut self.identity.tenant);
        self.identity.workload.iter_mut().for_each(swap);
        self.identity.principal.iter_mut().for_each(swap);
        self.from.iter_mut().for_each(swap);
        if let Some(other) = self.tag.as_ref().and_then(|tag| exchange(tag.name())) {
            self.tag = Some(other.into());
        }
        self.encoded()
    }

    fn encoded(mut self) -> Self {
        self.words = ContextWords::encode(&self);
        self
    }

    /// Who acts.
    #[must_use]
    pub const fn identity(&self) -> &WorkloadIdentity {
        &self.identity
    }

    /// The tenant's name.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.identity.tenant.as_str()
    }

    /// What costs are booked on.
    #[must_use]
    pub const fn tag(&self) -> Option<&AccountingTag> {
        self.tag.as_ref()
    }

    /// The origin.
    #[must_use]
    pub const fn from(&self) -> Option<&Name> {
        self.from.as_ref()
    }

    /// The place in a trace.
    #[must_use]
    pub const fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }

    /// What other tracing systems say about the trace. Recorded events do not carry it.
    #[must_use]
    pub const fn trace_state(&self) -> Option<&TraceState> {
        self.trace_state.as_ref()
    }

    /// The request.
    #[must_use]
    pub const fn request(&self) -> Option<&RequestId> {
        self.request.as_ref()
    }

    pub(crate) const fn words(&self) -> &ContextWords {
        &self.words
    }
}

impl PartialEq for Context {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
            && self.tag == other.tag
            && self.from == other.from
            && self.trace == other.trace
            && self.trace_state == other.trace_state
            && self.request == other.request
    }
}

impl Eq for Context {}
