//! A line on a terminal that says how a load goes.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::tally::Counts;
use crate::figures::Count;
use crate::stop::Stop;

/// How often is looked, and how often the line is written anew.
const LOOK: Duration = Duration::from_millis(20);
const EVERY: Duration = Duration::from_secs(1);

/// Somebody who waits at a terminal, or nobody.
pub(super) struct Progress<'a> {
    counts: &'a Counts,
    watched: bool,
    shown: Instant,
    before: u64,
}

impl<'a> Progress<'a> {
    pub(super) fn new(counts: &'a Counts) -> Self {
        Self {
            counts,
            watched: io::stderr().is_terminal(),
            shown: Instant::now(),
            before: 0,
        }
    }

    /// Shows how it goes until `is_done`; hands on that a signal asks for the end.
    pub(super) fn watch(&mut self, stop: &AtomicBool, asked: &Stop, is_done: impl Fn() -> bool) {
        while !is_done() {
            if asked.is_asked() {
                stop.store(true, Ordering::Relaxed);
            }
            if self.watched && self.shown.elapsed() >= EVERY {
                self.show();
            }
            thread::sleep(LOOK);
        }
    }

    /// Takes the line away.
    pub(super) fn done(&self) {
        if self.watched {
            let _nobody_reads = write!(io::stderr(), "\r\x1b[K");
        }
    }

    fn show(&mut self) {
        let acknowledged = self.counts.acknowledged.get();
        let rate = (acknowledged - self.before) as f64 / self.shown.elapsed().as_secs_f64();
        let line = format!(
            "{} acknowledged, {}/s; {} refused, {} unanswered",
            Count(acknowledged),
            Count(rate as u64),
            Count(self.counts.refused.get()),
            Count(self.counts.unanswered.get())
        );
        (self.shown, self.before) = (Instant::now(), acknowledged);
        let _nobody_reads = write!(io::stderr(), "\r\x1b[K{line}");
    }
}
