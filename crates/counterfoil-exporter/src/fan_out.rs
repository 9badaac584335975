//! One batch to several destinations.

use std::sync::Arc;
use std::time::Instant;

use crate::batch::{Batch, Signals};
use crate::error::{Error, ErrorKind};
use crate::exporter::{Exporter, contain};

/// Gives each batch to every exporter that takes its signal, in turn. One that fails or panics does not keep it from the
/// others; one that is slow does, so wrap that one in a [`Limit`](crate::Limit).
///
/// Its error says how many failed and carries the first one's. It is never retryable, because a second attempt would reach
/// those that have the batch already: put [`Retry`](crate::Retry) around each branch instead.
#[derive(Clone, Debug, Default)]
pub struct FanOut {
    branches: Vec<Arc<dyn Exporter>>,
}

impl FanOut {
    /// No destination yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a destination.
    #[must_use]
    pub fn and(mut self, exporter: impl Exporter) -> Self {
        self.branches.push(Arc::new(exporter));
        self
    }

    fn each(
        &self,
        operation: &'static str,
        signals: Signals,
        call: impl Fn(&dyn Exporter) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let takers = self
            .branches
            .iter()
            .filter(|branch| branch.signals().contains(signals));
        let results: Vec<_> = takers
            .map(|branch| contain(operation, || call(branch)))
            .collect();
        let (all, failed) = (
            results.len(),
            results.iter().filter(|result| result.is_err()).count(),
        );
        match results.into_iter().find_map(Result::err) {
            None => Ok(()),
            Some(first) => {
                let context =
                    format!("{failed} of {all} exporters failed; see what the first one says");
                Err(Error::new(ErrorKind::Partial, operation, context).with_source(first))
            }
        }
    }
}

impl Exporter for FanOut {
    fn signals(&self) -> Signals {
        let signals = self.branches.iter().map(|branch| branch.signals());
        signals.fold(Signals::NONE, |all, these| all | these)
    }

    fn export(&self, batch: Batch) -> Result<(), Error> {
        if !self.signals().contains(batch.signal()) {
            return Err(batch.unsupported(self.signals()));
        }
        self.each("export to every destination", batch.signal(), |branch| {
            branch.export(batch.clone())
        })
    }

    fn flush(&self, deadline: Instant) -> Result<(), Error> {
        self.each("flush every destination", Signals::NONE, |branch| {
            branch.flush(deadline)
        })
    }
}
