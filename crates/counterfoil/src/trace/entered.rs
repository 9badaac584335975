//! Where in which trace the running task is.

use std::cell::RefCell;

use counterfoil_core::{Context, Current, RequestId, Ticks, TraceContext, TraceState};

thread_local! {
    static ENTERED: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// A span that is entered on this thread.
struct Entry {
    /// Which pipeline's span it is: ids of spans are unique only within a registry.
    pipeline: u64,
    span: u64,
    place: Place,
    /// Since when, where that is to be known and the span was not entered already.
    since: Option<Ticks>,
}

/// A place in a trace, and the request that it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) trace: TraceContext,
    pub(crate) trace_state: Option<TraceState>,
    pub(crate) request: Option<RequestId>,
}

impl Place {
    /// Where a context says that its task is.
    pub(crate) fn of(context: &Context) -> Option<Self> {
        Some(Self {
            trace: *context.trace()?,
            trace_state: context.trace_state().cloned(),
            request: context.request().copied(),
        })
    }
}

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
    innermost(|entry| Some(entry.place.trace))
        .or_else(|| Current::get().and_then(|context| context.trace().copied()))
}

/// The place of the innermost span of `pipeline` that is entered here.
pub(crate) fn place(pipeline: u64) -> Option<Place> {
    innermost(|entry| (entry.pipeline == pipeline).then(|| entry.place.clone()))
}

fn innermost<T>(of: impl Fn(&Entry) -> Option<T>) -> Option<T> {
    let found = ENTERED.try_with(|entered| {
        let entered = entered.try_borrow().ok()?;
        entered.iter().rev().find_map(of)
    });
    // Where the thread is so near its end that this fails, it is in no span.
    found.ok().flatten()
}

/// Enters a span; `now` where it is to be known for how long.
pub(crate) fn enter(pipeline: u64, span: u64, place: Place, now: Option<Ticks>) {
    let _thread_is_ending = ENTERED.try_with(|entered| {
        if let Ok(mut entered) = entered.try_borrow_mut() {
            let since = now.filter(|_| find(&entered, pipeline, span).is_none());
            entered.push(Entry {
                pipeline,
                span,
                place,
                since,
            });
        }
    });
}

/// Leaves a span, and says since when it was entered. Guards may be dropped in any order, so it need not be the innermost.
pub(crate) fn exit(pipeline: u64, span: u64) -> Option<Ticks> {
    let left = ENTERED.try_with(|entered| {
        let mut entered = entered.try_borrow_mut().ok()?;
        let at = find(&entered, pipeline, span)?;
        entered.remove(at).since
    });
    left.ok().flatten()
}

fn find(entered: &[Entry], pipeline: u64, span: u64) -> Option<usize> {
    entered
        .iter()
        .rposition(|entry| entry.span == span && entry.pipeline == pipeline)
}
