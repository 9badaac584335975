//! One access to a thread-local finds all that a thread writes to.

use std::cell::RefCell;
use std::rc::Rc;
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
    static LOCALS: RefCell<Vec<Rc<Local>>> = const { RefCell::new(Vec::new()) };
}

/// This thread's writers for `observer`; `None` when the thread is so near its end that its thread-locals are gone.
#[inline]
pub(crate) fn local(observer: &Arc<Inner>) -> Option<Rc<Local>> {
    let found = LOCALS.try_with(|locals| {
        let locals = locals.borrow();
        locals
            .iter()
            .find(|local| local.belongs_to(observer))
            .cloned()
    });
    match found {
        Ok(Some(local)) => Some(local),
        _ => claim(observer),
    }
}

#[cold]
fn claim(observer: &Arc<Inner>) -> Option<Rc<Local>> {
    let local = Rc::new(Local::claim(observer));
    LOCALS
        .try_with(|locals| {
            let mut locals = locals.borrow_mut();
            let (alive, gone) = std::mem::take(&mut *locals)
                .into_iter()
                .partition(|it| it.observer.strong_count() > 0);
            *locals = alive;
            locals.push(Rc::clone(&local));
            gone
        })
        .ok()
        .map(|gone: Vec<_>| {
            // Writers of observers that are no more, dropped when nothing is borrowed.
            drop(gone);
            local
        })
}
