//! Batches in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::batch::{Batch, Signals};
use crate::error::{Error, ErrorKind};
use crate::exporter::Exporter;

/// Keeps what it is given, for tests. It takes at most as many items as it was told, and then refuses with
/// [`ErrorKind::Full`].
#[derive(Debug)]
pub struct MemoryExporter {
    signals: Signals,
    max_items: usize,
    batches: Mutex<Vec<Batch>>,
}

impl MemoryExporter {
    /// Takes every signal, and at most `max_items` series, events and lines together.
    #[must_use]
    pub const fn new(max_items: usize) -> Self {
        Self {
            signals: Signals::ALL,
            max_items,
            batches: Mutex::new(Vec::new()),
        }
    }

    /// Takes these signals only.
    #[must_use]
    pub const fn with_signals(mut self, signals: Signals) -> Self {
        self.signals = signals;
        self
    }

    /// What it was given so far; empty batches leave no trace.
    #[must_use]
    pub fn batches(&self) -> Vec<Batch> {
        self.lock().clone()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Batch>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exporter for MemoryExporter {
    fn signals(&self) -> Signals {
        self.signals
    }

    fn export(&self, batch: Batch) -> Result<(), Error> {
        if !self.signals.contains(batch.signal()) {
            return Err(batch.unsupported(self.signals));
        }
        let mut batches = self.lock();
        let held: usize = batches.iter().map(Batch::len).sum();
        if held + batch.len() > self.max_items {
            return Err(Error::new(
                ErrorKind::Full,
                "keep a batch in memory",
                format!(
                    "{} more items do not fit beside {held} of at most {}",
                    batch.len(),
                    self.max_items
                ),
            ));
        }
        if !batch.is_empty() {
            batches.push(batch);
        }
        Ok(())
    }

    fn flush(&self, _deadline: Instant) -> Result<(), Error> {
        Ok(())
    }
}
