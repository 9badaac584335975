//! Where in which trace the running code is, as whoever opens spans has noted it.

use std::cell::RefCell;

use crate::{Context, Current, RequestId, Ticks, TraceContext, TraceState};

thread_local! {
    static ENTERED: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// A span that is entered on this thread.
struct Entry {
    /// Whose span it is: ids of spans are unique only within a registry of them.
    owner: u64,
    span: u64,
    place: Place,
    /// Since when, where that is to be known and the span was not entered already.
    since: Option<Ticks>,
}

/// A place in a trace, and the request that it belongs to.
///
/// The layer that records spans enters and leaves them here, so that whoever calls another process knows the span around the
/// call without knowing the layer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "three keys that travel together, built by whoever opens spans"
)]
pub struct Place {
    /// The trace, and the span.
    pub trace: TraceContext,
    /// What `tracestate` carried.
    pub trace_state: Option<TraceState>,
    /// The request.
    pub request: Option<RequestId>,
}

impl Place {
    /// Where a context says that its task is; `None` when it is in no trace.
    #[must_use]
    pub fn of(context: &Context) -> Option<Self> {
        Some(Self {
            trace: *context.trace()?,
            trace_state: context.trace_state().cloned(),
            request: context.request().copied(),
        })
    }

    /// Where the running code is: in the innermost span that is entered on this thread, or else where the task's [`Current`]
    /// context says. The request comes from the context where the span has none.
    #[must_use]
    pub fn current() -> Option<Self> {
        match innermost(|entry| Some(entry.place.clone())) {
            Some(place) if place.request.is_some() => Some(place),
            Some(mut place) => {
                place.request = Current::get().and_then(|context| context.request().copied());
                Some(place)
            }
            None => Current::get().and_then(|context| Self::of(&context)),
        }
    }

    /// The trace and the span of [`current`](Self::current), in a few nanoseconds.
    #[must_use]
    pub fn current_trace() -> Option<TraceContext> {
        innermost(|entry| Some(entry.place.trace))
            .or_else(|| Current::get().and_then(|context| context.trace().copied()))
    }

    /// The place of the innermost span of `owner` that is entered on this thread.
    #[must_use]
    pub fn within(owner: u64) -> Option<Self> {
        innermost(|entry| (entry.owner == owner).then(|| entry.place.clone()))
    }

    /// Notes that this thread enters the span `span` of `owner`, which is at this place; `now` where it is to be known for how
    /// long.
    pub fn enter(self, owner: u64, span: u64, now: Option<Ticks>) {
        let _thread_is_ending = ENTERED.try_with(|entered| {
            if let Ok(mut entered) = entered.try_borrow_mut() {
                let since = now.filter(|_| find(&entered, owner, span).is_none());
                entered.push(Entry {
                    owner,
                    span,
                    place: self,
                    since,
                });
            }
        });
    }

    /// Notes that this thread leaves a span, and says since when it was entered. Guards may be dropped in any order, so it need
    /// not be the innermost.
    #[must_use = "it says since when the span was entered"]
    pub fn exit(owner: u64, span: u64) -> Option<Ticks> {
        let left = ENTERED.try_with(|entered| {
            let mut entered = entered.try_borrow_mut().ok()?;
            let at = find(&entered, owner, span)?;
            entered.remove(at).since
        });
        left.ok().flatten()
    }
}

fn innermost<T>(of: impl Fn(&Entry) -> Option<T>) -> Option<T> {
    let found = ENTERED.try_with(|entered| {
        let entered = entered.try_borrow().ok()?;
        entered.iter().rev().find_map(of)
    });
    // Where the thread is so near its end that this fails, it is in no span.
    found.ok().flatten()
}

fn find(entered: &[Entry], owner: u64, span: u64) -> Option<usize> {
    entered
        .iter()
        .rposition(|entry| entry.span == span && entry.owner == owner)
}
