//! The claims of the current thread, for callers that keep none of their own.

use std::cell::RefCell;
use std::sync::Arc;

use crate::log::lane::{Claim, Intake, Offer};

thread_local! {
    /// One claim per log that this thread has appended to. Dropped, and so handed back, when the thread ends.
    static CLAIMS: RefCell<Vec<Claim>> = const { RefCell::new(Vec::new()) };
}

/// Offers through this thread's claim on `intake`, claiming first where there is none. `None` when the thread is so far in
/// its end that its claims are gone, or in the middle of another offer: then the shared lane has to do.
pub(crate) fn offer(intake: &Arc<Intake>, offer: impl FnOnce(&Claim) -> Offer) -> Option<Offer> {
    CLAIMS
        .try_with(|claims| {
            let mut claims = claims.try_borrow_mut().ok()?;
            if let Some(claim) = claims
                .iter()
                .find(|claim| Arc::ptr_eq(claim.intake(), intake))
            {
                return Some(offer(claim));
            }
            // Claims on logs that are closed keep memory alive for nothing.
            claims.retain(|claim| claim.intake().gate.is_open());
            claims.push(Claim::new(Arc::clone(intake)));
            claims.last().map(offer)
        })
        .ok()
        .flatten()
}
