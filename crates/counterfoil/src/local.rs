//! One access to a thread-local finds all that a thread writes to.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use crate::observer::Inner;

/// One thread's writers in the layers of one observer. Dropping it hands them to the next thread.
pub(crate) struct Local {
    observer: Weak<Inner>,
    #[cfg(feature = "metrics")]
    pub(crate) block: counterfoil_metrics::ThreadBlock,
    #[cfg(feature = "events")]
    pub(crate) ring: counterfoil_events::RingWriter,
    #[cfg(feature = "audit")]
    pub(crate) lane: Option<counterfoil_audit::LaneWriter>,
}

impl Local {
    fn claim(observer: &Arc<Inner>) -> Self {
        Self {
            observer: Arc::downgrade(observer),
            #[cfg(feature = "metrics")]
            block: observer.metrics.registry().thread_block(),
            #[cfg(feature = "events")]
            ring: observer.events.writer(),
            #[cfg(feature = "audit")]
            lane: observer
                .audit
                .as_ref()
                .map(counterfoil_audit::AuditLog::lane),
        }
    }

    fn belongs_to(&self, observer: &Arc<Inner>) -> bool {
        // The address cannot be that of another observer: this weak reference keeps it from being given out again.
        std::ptr::eq(self.observer.as_ptr(), Arc::as_ptr(observer))
    }
}

thread_local! {
    static LOCALS: RefCell<Vec<Local>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with this thread's writers for `observer`, or with none when the thread is so near its end that its
/// thread-locals are gone.
#[inline]
pub(crate) fn with_local<R>(observer: &Arc<Inner>, f: impl Fn(Option<&Local>) -> R) -> R {
    let found = LOCALS.try_with(|locals| {
        // It is borrowed already only while `f` runs, which calls no observer.
        let locals = locals.try_borrow().ok()?;
        let local = locals.iter().find(|local| local.belongs_to(observer))?;
        Some(f(Some(local)))
    });
    match found {
        Ok(Some(result)) => result,
        _ => with_first(observer, f),
    }
}

#[cold]
fn with_first<R>(observer: &Arc<Inner>, f: impl Fn(Option<&Local>) -> R) -> R {
    let claimed = LOCALS.try_with(|locals| {
        let mut locals = locals.try_borrow_mut().ok()?;
        locals.retain(|local| local.observer.strong_count() > 0);
        let local = Local::claim(observer);
        let result = f(Some(&local));
        locals.push(local);
        Some(result)
    });
    match claimed {
        Ok(Some(result)) => result,
        _ => f(None),
    }
}
