//! Where in which trace the running task is.

use counterfoil_core::{Current, Place, RequestId, TraceContext};

/// What a line, a record and an event of the ring are stamped with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stamp {
    pub(crate) trace: Option<TraceContext>,
    pub(crate) request: Option<RequestId>,
}

impl Stamp {
    /// Takes what is missing from the task's context.
    pub(crate) fn complete(&mut self) {
        if self.trace.is_some() && self.request.is_some() {
            return;
        }
        if let Some(context) = Current::get() {
            self.trace = self.trace.or_else(|| context.trace().copied());
            self.request = self.request.or_else(|| context.request().copied());
        }
    }
}

/// The place in a trace where the running code is: the innermost `tracing` span that is entered on this thread, or else what
/// the task's [`Current`] context says.
///
/// Costs a few nanoseconds, because entering a span has noted it. For exemplars, and for calls to what speaks no `tracing`.
///
/// ```
/// use counterfoil::{Context, Current, TraceContext, WorkloadIdentity, trace};
/// let here: TraceContext = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse()?;
/// let context = Context::new(WorkloadIdentity::tenant_only("acme")).with_trace(here);
/// let _entered = Current::enter(context);
/// assert_eq!(trace::current(), Some(here));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn current() -> Option<TraceContext> {
    Place::current_trace()
}
