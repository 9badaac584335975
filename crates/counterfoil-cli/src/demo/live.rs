//! Live figures on standard error, redrawn in place on a terminal and a line now and then elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use counterfoil::names::{
    CONNECTION_LOST, LEASE_ACQUIRED, LEASE_ACTIVE, LEASE_EXPIRED, LEASE_PREEMPTED, LEASE_RELEASED,
    LEASE_RENEWED, OPERATION_DURATION, OPERATION_FAILED, OPERATION_IO,
};
use counterfoil::{MetricSnapshot, OpType, ResourceType};

use super::reading::{Reading, quantile};
use crate::figures::{Bytes, Count, Seconds};

/// How often a terminal is redrawn.
const REDRAW: Duration = Duration::from_millis(250);
/// How often a line is printed where nobody watches.
const LINE: Duration = Duration::from_secs(2);

/// What the metrics do not know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside {
    pub(crate) elapsed: Duration,
    pub(crate) events_offered: u64,
    pub(crate) events_missed: u64,
    pub(crate) acknowledged: u64,
    /// Records that the log has sealed, and those that are on disk.
    pub(crate) sealed: u64,
    pub(crate) durable: u64,
}

/// Where and how often figures are shown.
#[derive(Debug)]
pub(crate) struct Live {
    terminal: bool,
    drawn_lines: usize,
    last: Option<(Duration, Totals)>,
}

/// Totals whose growth is shown as a rate.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    operations: u64,
    bytes: u64,
}

impl Live {
    pub(crate) fn new() -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
            drawn_lines: 0,
            last: None,
        }
    }

    /// How long to wait between two calls of [`show`](Self::show).
    pub(crate) const fn interval(&self) -> Duration {
        if self.terminal { REDRAW } else { LINE }
    }

    /// Shows the figures of this moment. Standard error that cannot be written to is no reason to stop the demo.
    pub(crate) fn show(&mut self, snapshot: &MetricSnapshot, beside: Beside) {
        let reading = Reading(snapshot);
        let totals = Totals {
            operations: operations(reading),
            bytes: reading.total(OPERATION_IO.instrument()),
        };
        let (since, before) = self
            .last
            .replace((beside.elapsed, totals))
            .unwrap_or_default();
        let seconds = beside.elapsed.saturating_sub(since).as_secs_f64().max(1e-3);
        let rate = Totals {
            operations: ((totals.operations - before.operations) as f64 / seconds) as u64,
            bytes: ((totals.bytes - before.bytes) as f64 / seconds) as u64,
        };
        let text = if self.terminal {
            self.redrawn(&block(reading, rate, beside))
        } else {
            line(reading, rate, beside)
        };
        let mut err = anstream::stderr().lock();
        let _nobody_reads = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Moves the cursor to where the last block began and clears what is below it.
    fn redrawn(&mut self, block: &str) -> String {
        let up = std::mem::replace(&mut self.drawn_lines, block.lines().count());
        if up == 0 {
            block.to_owned()
        } else {
            format!("\x1b[{up}A\x1b[J{block}")
        }
    }
}

fn operations(reading: Reading<'_>) -> u64 {
    OpType::ALL
        .iter()
        .filter_map(|op| reading.histogram(OPERATION_DURATION.instrument(), "op", op.as_str()))
        .map(|histogram| histogram.counts.iter().sum::<u64>())
        .sum()
}

fn line(reading: Reading<'_>, rate: Totals, beside: Beside) -> String {
    format!(
        "{:>4.0} s  {} leases, {} acquired, {} ops/s, {} failed, {} records durable\n",
        beside.elapsed.as_secs_f64(),
        reading.total(LEASE_ACTIVE.instrument()),
        Count(reading.total(LEASE_ACQUIRED.instrument())),
        Count(rate.operations),
        Count(reading.total(OPERATION_FAILED.instrument())),
        Count(beside.durable),
    )
}

fn block(reading: Reading<'_>, rate: Totals, beside: Beside) -> String {
    let active = |kind: ResourceType| {
        reading.total_of(LEASE_ACTIVE.instrument(), "resource_type", kind.as_str())
    };
    let count = |total: u64| Count(total);
    let mut text = format!(
        "{:>4.0} s   active   mem {:<4} storage {:<4} cpu {:<4} links lost {}\n",
        beside.elapsed.as_secs_f64(),
        active(ResourceType::Mem),
        active(ResourceType::Storage),
        active(ResourceType::Cpu),
        reading.total(CONNECTION_LOST.instrument()),
    );
    text.push_str(&format!(
        "metrics  leases   acquired {:<7} renewed {:<7} released {}\n                  expired  {:<7} preempted {}\n",
        count(reading.total(LEASE_ACQUIRED.instrument())),
        count(reading.total(LEASE_RENEWED.instrument())),
        count(reading.total(LEASE_RELEASED.instrument())),
        count(reading.total(LEASE_EXPIRED.instrument())),
        count(reading.total(LEASE_PREEMPTED.instrument())),
    ));
    text.push_str(&format!(
        "         traffic  {} ops/s, {}/s\n",
        Count(rate.operations),
        Bytes(rate.bytes)
    ));
    for op in OpType::ALL {
        text.push_str(&latency(reading, *op));
    }
    let failures: Vec<String> = reading
        .ranked(OPERATION_FAILED.instrument(), "error.type")
        .iter()
        .take(3)
        .map(|(error, total)| format!("{error} {}", Count(*total)))
        .collect();
    text.push_str(&format!("         failed   {}\n", failures.join(", ")));
    text.push_str(&format!(
        "events   offered {}, missed {}\n",
        Count(beside.events_offered),
        beside.events_missed
    ));
    text.push_str(&format!(
        "audit    sealed {}, durable {}, acknowledged {}\n",
        Count(beside.sealed),
        Count(beside.durable),
        Count(beside.acknowledged)
    ));
    text
}

fn latency(reading: Reading<'_>, op: OpType) -> String {
    let Some(histogram) = reading.histogram(OPERATION_DURATION.instrument(), "op", op.as_str())
    else {
        return String::new();
    };
    let at = |share| {
        quantile(histogram, share)
            .map_or_else(|| "-".to_owned(), |seconds| Seconds(seconds).to_string())
    };
    format!(
        "         {:<8} p50 {:<8} p99 {}\n",
        op.as_str(),
        at(0.5),
        at(0.99)
    )
}
