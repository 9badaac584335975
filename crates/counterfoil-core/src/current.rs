//! The context of the running task: set once, found without being passed.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task;

use crate::Context;

thread_local! {
    static ENTERED: RefCell<Stack> = const { RefCell::new(Stack { last_id: 0, contexts: Vec::new() }) };
}

/// The contexts that were entered on this thread, the innermost last. A guard takes out its own, so guards may be dropped
/// in any order.
struct Stack {
    last_id: u64,
    contexts: Vec<(u64, Arc<Context>)>,
}

impl Stack {
    fn push(&mut self, context: Arc<Context>) -> u64 {
        self.last_id += 1;
        self.contexts.push((self.last_id, context));
        self.last_id
    }

    fn remove(&mut self, id: u64) -> Option<Arc<Context>> {
        let at = self.contexts.iter().rposition(|(other, _)| *other == id)?;
        Some(self.contexts.remove(at).1)
    }

    fn current(&self) -> Option<&Arc<Context>> {
        self.contexts.last().map(|(_, context)| context)
    }
}

/// Where a lifecycle call takes its context from: a [`Context`] in the caller's hand, or [`Current`].
///
/// Sealed: these two ways are all there are.
pub trait ContextSource: sealed::Sealed {
    /// Calls `f` with the context, or with `fallback` where this source has none.
    #[doc(hidden)]
    fn with_context<R>(&self, fallback: &Context, f: impl FnOnce(&Context) -> R) -> R;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::Context {}
    impl Sealed for std::sync::Arc<crate::Context> {}
    impl Sealed for super::Current {}
}

impl ContextSource for Context {
    #[inline]
    fn with_context<R>(&self, _fallback: &Self, f: impl FnOnce(&Self) -> R) -> R {
        f(self)
    }
}

impl ContextSource for Arc<Context> {
    #[inline]
    fn with_context<R>(&self, _fallback: &Context, f: impl FnOnce(&Context) -> R) -> R {
        f(self)
    }
}

/// The context that the running task was given by [`Current::enter`] or [`InContext::in_context`].
///
/// Where none was given, a call takes the observer's own default context, so nothing is lost for want of one.
///
/// ```
/// use counterfoil_core::{Context, Current, WorkloadIdentity};
/// let context = Context::new(WorkloadIdentity::tenant_only("acme"));
/// let _entered = Current::enter(context);
/// assert_eq!(Current::get().unwrap().tenant(), "acme");
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[allow(
    clippy::exhaustive_structs,
    reason = "a marker, written as a value at each call"
)]
pub struct Current;

impl Current {
    /// Makes `context` the current one of this thread until the guard is dropped; the innermost guard counts.
    ///
    /// In asynchronous code use [`InContext`] instead: a guard that is held over an `.await` would stay on the thread while
    /// another task runs there.
    pub fn enter(context: impl Into<Arc<Context>>) -> Entered {
        let context = context.into();
        Entered {
            // Where the thread is so near its end that this fails, calls take the observer's default context.
            id: ENTERED
                .try_with(|stack| stack.borrow_mut().push(context))
                .ok(),
            not_send: PhantomData,
        }
    }

    /// The current context of this thread, if one was entered.
    #[must_use]
    pub fn get() -> Option<Arc<Context>> {
        ENTERED
            .try_with(|stack| stack.borrow().current().cloned())
            .ok()
            .flatten()
    }
}

impl ContextSource for Current {
    #[inline]
    fn with_context<R>(&self, fallback: &Context, f: impl FnOnce(&Context) -> R) -> R {
        let mut f = Some(f);
        let found = ENTERED.try_with(|stack| {
            let stack = stack.borrow();
            let current = stack.current().map_or(fallback, |current| current);
            f.take().map(|f| f(current))
        });
        match (found, f) {
            (Ok(Some(result)), _) => result,
            // The thread-local is gone: the call comes from a destructor at the end of the thread.
            (_, Some(f)) => f(fallback),
            (_, None) => unreachable!("whoever takes `f` returns its result"),
        }
    }
}

/// Takes its context out again, when dropped.
#[must_use = "the context is current only while this guard lives"]
pub struct Entered {
    id: Option<u64>,
    /// A guard belongs to the thread that it was made on.
    not_send: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let own = self
            .id
            .and_then(|id| ENTERED.try_with(|stack| stack.borrow_mut().remove(id)).ok());
        // Only now, when the stack is no longer borrowed.
        drop(own);
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}

/// Carries a context along with a future, on whichever thread it is polled.
///
/// Spawned tasks do not inherit a context; say which one they have:
///
/// ```
/// use counterfoil_core::{Context, Current, InContext, WorkloadIdentity};
///
/// # fn spawn<F: Future>(task: F) -> std::task::Poll<F::Output> {
/// #     std::pin::pin!(task).poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
/// # }
/// let context = Context::new(WorkloadIdentity::tenant_only("acme"));
/// let tenant = spawn(
///     async { Current::get().map(|context| context.tenant().to_owned()) }.in_context(context),
/// );
/// assert_eq!(tenant, std::task::Poll::Ready(Some("acme".to_owned())));
/// ```
pub trait InContext: Future + Sized {
    /// This future, with `context` as the current one while it is polled, and while it is dropped.
    fn in_context(self, context: impl Into<Arc<Context>>) -> WithContext<Self> {
        WithContext {
            context: Some(context.into()),
            future: Some(Box::pin(self)),
        }
    }

    /// This future, with the context that is current now; unchanged where there is none.
    fn in_current_context(self) -> WithContext<Self> {
        WithContext {
            context: Current::get(),
            future: Some(Box::pin(self)),
        }
    }
}

impl<F: Future> InContext for F {}

/// See [`InContext`]. The future is boxed once, which is what keeps pinning it free of `unsafe`.
#[must_use = "futures do nothing unless polled"]
pub struct WithContext<F> {
    context: Option<Arc<Context>>,
    /// There until this is dropped.
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for WithContext<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> task::Poll<F::Output> {
        let _entered = self.context.clone().map(Current::enter);
        match &mut self.future {
            Some(future) => future.as_mut().poll(cx),
            None => task::Poll::Pending,
        }
    }
}

impl<F> Drop for WithContext<F> {
    /// What a cancelled task gives back in its destructors it gives back under its own context.
    fn drop(&mut self) {
        let _entered = self.context.take().map(Current::enter);
        self.future = None;
    }
}

impl<F> fmt::Debug for WithContext<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithContext")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}
