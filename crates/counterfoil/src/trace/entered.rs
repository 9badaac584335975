//! Where in which trace the running task is.

use std::cell::RefCell;

use counterfoil_core::{Context, Current, RequestId, TraceContext, TraceState};

thread_local! {
    static ENTERED: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// A span that is entered on this thread.
struct Entry {
    /// Which pipeline's span it is: ids of spans are unique only within a registry.
    pipeline: u64,
    span: u64,
    place: Place,
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

pub(crate) fn enter(pipeline: u64, span: u64, place: Place) {
    let entry = Entry {
        pipeline,
        span,
        place,
    };
    let _thread_is_ending = ENTERED.try_with(|entered| {
        if let Ok(mut entered) = entered.try_borrow_mut() {
            entered.push(entry);
        }
    });
}

/// Guards may be dropped in any order, so the span need not be the innermost.
pub(crate) fn exit(pipeline: u64, span: u64) {
    let _thread_is_ending = ENTERED.try_with(|entered| {
        if let Ok(mut entered) = entered.try_borrow_mut() {
            let at = entered
                .iter()
                .rposition(|entry| entry.span == span && entry.pipeline == pipeline);
            if let Some(at) = at {
                entered.remove(at);
            }
        }
    });
}
