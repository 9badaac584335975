//! The last errors.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_core::Timestamp;

/// An error that happened lately. Its text is redacted and cut.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecentError {
    /// When it happened last.
    pub time: Timestamp,
    /// The check or the part of the service that it comes from.
    pub source: Arc<str>,
    /// What happened.
    pub message: String,
    /// How often in a row.
    pub count: u64,
}

/// The last errors, the newest first. The same error again counts and takes no further place.
#[derive(Debug)]
pub(crate) struct RecentErrors {
    most: usize,
    errors: Mutex<VecDeque<RecentError>>,
}

impl RecentErrors {
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            most,
            errors: Mutex::new(VecDeque::new()),
        }
    }

    pub(crate) fn push(&self, time: Timestamp, source: Arc<str>, message: String) {
        if self.most == 0 {
            return;
        }
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = errors.front_mut()
            && last.source == source
            && last.message == message
        {
            last.time = time;
            last.count = last.count.saturating_add(1);
            return;
        }
        errors.truncate(self.most - 1);
        errors.push_front(RecentError {
            time,
            source,
            message,
            count: 1,
        });
    }

    pub(crate) fn read(&self) -> Vec<RecentError> {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.iter().cloned().collect()
    }
}
