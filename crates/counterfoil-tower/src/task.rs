//! Work that is measured from its start to its end, whatever that is: a call of one's own, a message, a step of a mutation.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use counterfoil_core::{Clock, Context, Current, Place, Ticks, TraceContext};
use pin_project_lite::pin_project;
use tracing::Span;

use crate::{Coded, ErrorCode};

/// How work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    Failed(Option<ErrorCode>),
    Cancelled,
    Panicked,
}

impl Ended {
    /// The label `error.type`; empty when nothing failed.
    pub(crate) const fn error_type(self) -> &'static str {
        match self {
            Self::Well => "",
            Self::Failed(Some(code)) => code.as_str(),
            Self::Failed(None) => "_OTHER",
            Self::Cancelled => "cancelled",
            Self::Panicked => "panic",
        }
    }
}

/// Counts work in when it starts and out when it ends.
pub(crate) trait Count: fmt::Debug + Send + Sync {
    fn clock(&self) -> &dyn Clock;

    fn ended(&self, how: Ended, elapsed: Duration, trace: Option<&TraceContext>);
}

/// Work that is under way, until this is dropped.
#[derive(Debug)]
pub(crate) struct Task {
    count: Option<(Arc<dyn Count>, Ticks)>,
    /// What is current while it is done; the caller's where this is `None`.
    context: Option<Arc<Context>>,
    /// The exemplar of its duration: its own span, or the one around it where nobody opens spans.
    trace: Option<TraceContext>,
    span: Span,
    ended: Option<Ended>,
    working: bool,
}

impl Task {
    /// Work that has a span and nothing else.
    pub(crate) const fn traced(span: Span) -> Self {
        Self {
            count: None,
            context: None,
            trace: None,
            span,
            ended: None,
            working: false,
        }
    }

    /// Work that is counted as well.
    pub(crate) fn counted(span: Span, count: Arc<dyn Count>) -> Self {
        let started = count.clock().ticks();
        let mut task = Self::traced(span);
        task.count = Some((count, started));
        task
    }

    pub(crate) fn with_context(mut self, context: Arc<Context>) -> Self {
        self.context = Some(context);
        self
    }

    /// Its place in a trace is known beforehand.
    pub(crate) const fn with_trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Does the work, to its end.
    pub(crate) fn call<T, E: Coded>(mut self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let result = self.work(work);
        self.end(&result);
        result
    }

    fn work<R>(&mut self, work: impl FnOnce() -> R) -> R {
        self.working = true;
        let result = self.within(work);
        self.working = false;
        result
    }

    fn within<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let _current = self.context.clone().map(Current::enter);
        let _entered = self.span.enter();
        if self.trace.is_none() && self.count.is_some() {
            // Noted here, for nobody knows where this is dropped.
            self.trace = Place::current_trace();
        }
        work()
    }

    fn end<T, E: Coded>(&mut self, result: &Result<T, E>) {
        self.ended = Some(match result {
            Ok(_) => Ended::Well,
            Err(error) => Ended::Failed(error.error_code()),
        });
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let how = match self.ended {
            _ if self.working => Ended::Panicked,
            Some(ended) => ended,
            None => Ended::Cancelled,
        };
        if let Some((count, started)) = &self.count {
            let elapsed = count.clock().ticks().0.saturating_sub(started.0);
            count.ended(how, Duration::from_nanos(elapsed), self.trace.as_ref());
        }
        if how != Ended::Well {
            let code = match how {
                Ended::Failed(code) => code.map(|it| it.as_str()),
                _ => None,
            };
            tracing::record_all!(
                self.span,
                error.type = how.error_type(),
                error_code = code,
                otel.status_code = (how != Ended::Cancelled).then_some("ERROR"),
            );
        }
    }
}

pin_project! {
    /// A future that is measured and has a span; what [`Calls`](crate::Calls), [`Consumer`](crate::Consumer),
    /// [`Producer`](crate::Producer) and [`Mutation`](crate::Mutation) give. Dropped before its end it counts as cancelled.
    #[must_use = "futures do nothing unless polled"]
    pub struct Tracked<F> {
        // There until this is dropped.
        #[pin]
        inner: Option<F>,
        // There until the end.
        task: Option<Task>,
    }

    impl<F> PinnedDrop for Tracked<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            match this.task.take() {
                Some(mut task) => task.within(|| this.inner.set(None)),
                None => this.inner.set(None),
            }
        }
    }
}

impl<F> Tracked<F> {
    pub(crate) const fn new(task: Task, inner: F) -> Self {
        Self {
            inner: Some(inner),
            task: Some(task),
        }
    }
}

impl<F, T, E> Future for Tracked<F>
where
    F: Future<Output = Result<T, E>>,
    E: Coded,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (Some(inner), Some(task)) = (this.inner.as_pin_mut(), this.task.as_mut()) else {
            // Polled again after the end, which no executor does.
            return Poll::Pending;
        };
        let result = ready!(task.work(|| inner.poll(cx)));
        task.end(&result);
        *this.task = None;
        Poll::Ready(result)
    }
}

impl<F> fmt::Debug for Tracked<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracked")
            .field("ended", &self.task.is_none())
            .finish_non_exhaustive()
    }
}
