//! What a shutdown left behind.

use std::fmt;
use std::sync::atomic::Ordering;

use super::destination::Destination;
use super::sources::Missed;
use crate::trace::PipelineCounts;

/// How a [`shutdown`](super::Guard::shutdown) or [`flush`](super::Guard::flush) went: what was delivered since the start,
/// and what was lost or is left, by exporter and signal. `Display` is one line for a log.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Everything that could be tried was tried before the deadline.
    pub finished: bool,
    /// One for each exporter and signal.
    pub exports: Vec<ExportReport>,
    /// Spans that ended while the queue to the exporters was full.
    pub spans_dropped: u64,
    /// Log records that were made while the queue to the exporters was full.
    pub logs_dropped: u64,
    /// Events that were overwritten in the ring before an export came to fetch them.
    pub events_missed: u64,
    /// Sealed lines that retention removed before an export came to fetch them.
    pub sealed_missed: u64,
    /// Sealed lines that no export has fetched yet. They are in the log.
    pub sealed_behind: u64,
    /// How closing the audit log went, where there is one and this was a shutdown.
    #[cfg(feature = "audit")]
    pub audit: Option<counterfoil_audit::CloseReport>,
    /// How far the audit log was shipped, where there is a collector to ship it to.
    #[cfg(feature = "collector")]
    pub shipping: Option<counterfoil_exporter_collector::ShipReport>,
}

/// What became of one signal's items at one exporter: `offered = delivered + failed + dropped + left`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportReport {
    /// The exporter's name.
    pub exporter: String,
    /// `metrics`, `spans`, `logs`, `events` or `sealed`.
    pub signal: &'static str,
    /// Items that it was given.
    pub offered: u64,
    /// Items that it has delivered.
    pub delivered: u64,
    /// Items that the destination refused, or that were given up after the last attempt.
    pub failed: u64,
    /// Items that its queue had no room for.
    pub dropped: u64,
    /// Items that were waiting or under way when the time was up.
    pub left: u64,
}

impl Report {
    pub(crate) fn of(
        finished: bool,
        to: &[Destination],
        missed: &Missed,
        counts: &PipelineCounts,
    ) -> Self {
        let exports = to
            .iter()
            .flat_map(|it| it.signals().each().map(move |signal| (it, signal)));
        Self {
            finished,
            exports: exports
                .map(|(destination, signal)| {
                    let counts = destination.counts_of(signal);
                    ExportReport {
                        exporter: destination.name().to_owned(),
                        signal: signal.name(),
                        offered: counts.offered,
                        delivered: counts.exported,
                        failed: counts.failed,
                        dropped: counts.dropped,
                        left: counts.queued,
                    }
                })
                .collect(),
            spans_dropped: counts.spans.dropped + counts.spans.waiting,
            logs_dropped: counts.records.dropped + counts.records.waiting,
            events_missed: missed.events.load(Ordering::Relaxed),
            sealed_missed: missed.sealed.load(Ordering::Relaxed),
            sealed_behind: missed.sealed_behind.load(Ordering::Relaxed),
            #[cfg(feature = "audit")]
            audit: None,
            #[cfg(feature = "collector")]
            shipping: None,
        }
    }

    /// Whether nothing was lost and nothing is left.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let finished = self.finished;
        #[cfg(feature = "audit")]
        let finished = finished && self.audit.as_ref().is_none_or(|audit| audit.finished);
        #[cfg(feature = "collector")]
        let finished = finished && self.shipping.as_ref().is_none_or(|it| it.finished);
        finished
            && self.exports.iter().all(|export| export.lost() == 0)
            && self.before_export().iter().all(|(count, _)| *count == 0)
    }
}

impl Report {
    /// What was lost, or is left, before any exporter was given it.
    const fn before_export(&self) -> [(u64, &'static str); 5] {
        [
            (self.spans_dropped, "spans found the queue full"),
            (self.logs_dropped, "log records found the queue full"),
            (
                self.events_missed,
                "events were overwritten before an export fetched them",
            ),
            (
                self.sealed_missed,
                "sealed lines were removed before an export fetched them",
            ),
            (
                self.sealed_behind,
                "sealed lines are in the log and not exported",
            ),
        ]
    }
}

impl ExportReport {
    /// Items that have not arrived, and as far as this process goes never will.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.failed + self.dropped + self.left
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_complete() {
            return f.write_str("everything was flushed and nothing was lost");
        }
        f.write_str(if self.finished {
            "flushed"
        } else {
            "not everything was flushed before the deadline"
        })?;
        for export in self.exports.iter().filter(|export| export.lost() > 0) {
            let ExportReport {
                exporter,
                signal,
                offered,
                failed,
                dropped,
                left,
                ..
            } = export;
            write!(
                f,
                "; {exporter}: of {offered} {signal} {failed} failed, {dropped} were dropped and {left} are left"
            )?;
        }
        for (count, what) in self
            .before_export()
            .into_iter()
            .filter(|(count, _)| *count > 0)
        {
            write!(f, "; {count} {what}")?;
        }
        #[cfg(feature = "audit")]
        if let Some(audit) = self.audit.as_ref().filter(|audit| !audit.finished) {
            write!(
                f,
                "; audit: {} entries are not sealed and {} records not synced",
                audit.left_in_queues, audit.left_unsynced
            )?;
            if let Some(alarm) = &audit.alarm {
                write!(f, " ({alarm})")?;
            }
        }
        #[cfg(feature = "collector")]
        if let Some(shipping) = self.shipping.as_ref().filter(|it| !it.finished) {
            write!(f, "; audit: {shipping}")?;
        }
        Ok(())
    }
}
