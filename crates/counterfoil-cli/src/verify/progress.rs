//! A line on a terminal that says how far a verification is.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often the line is written anew.
const EVERY: Duration = Duration::from_millis(200);

/// Somebody who waits at a terminal, or nobody.
#[derive(Debug)]
pub(super) struct Waiting {
    watched: bool,
    /// Bytes that the log had at the start.
    total: u64,
    began: Instant,
    shown: Mutex<Option<Instant>>,
}

impl Waiting {
    pub(super) fn new(log: &Path) -> Self {
        let watched = io::stderr().is_terminal();
        Self {
            watched,
            total: if watched { size(log) } else { 0 },
            began: Instant::now(),
            shown: Mutex::new(None),
        }
    }

    pub(super) const fn is_watched(&self) -> bool {
        self.watched
    }

    /// So many bytes were read.
    pub(super) fn tell(&self, bytes: u64) {
        let Ok(mut shown) = self.shown.lock() else {
            return;
        };
        if shown.is_some_and(|shown| shown.elapsed() < EVERY) {
            return;
        }
        *shown = Some(Instant::now());
        let line = line(bytes, self.total, self.began.elapsed());
        let _nobody_reads = write!(io::stderr(), "\r\x1b[K{line}");
    }

    /// Takes the line away.
    pub(super) fn done(&self) {
        if self.watched {
            let _nobody_reads = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// Bytes read, speed, and how long it takes at that speed.
fn line(bytes: u64, total: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(1e-3);
    let rate = bytes as f64 / seconds;
    let mega = |bytes: f64| bytes / 1e6;
    let mut line = format!(
        "verifying: {:.1} of {:.1} MB, {:.0} MB/s",
        mega(bytes as f64),
        mega(total.max(bytes) as f64),
        mega(rate)
    );
    // Too early, a rate says nothing.
    if seconds > 0.5 && rate > 0.0 {
        let left = total.saturating_sub(bytes) as f64 / rate;
        line.push_str(&format!(", {left:.0} s left"));
    }
    line
}

/// The size of a log's segments, or of a file; 0 for what cannot be asked.
fn size(log: &Path) -> u64 {
    let length = |metadata: io::Result<fs::Metadata>| metadata.map_or(0, |metadata| metadata.len());
    match fs::read_dir(log.join("segments")) {
        Ok(entries) => entries
            .flatten()
            .map(|entry| length(entry.metadata()))
            .sum(),
        Err(_) => length(fs::metadata(log)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_bytes_speed_and_time_left_and_no_time_at_the_start() {
        let at = |seconds| Duration::from_secs_f64(seconds);
        assert_eq!(
            line(50_000_000, 200_000_000, at(1.0)),
            "verifying: 50.0 of 200.0 MB, 50 MB/s, 3 s left"
        );
        assert_eq!(
            line(1_000_000, 2_000_000, at(0.1)),
            "verifying: 1.0 of 2.0 MB, 10 MB/s"
        );
        // A log that grew meanwhile.
        assert_eq!(
            line(3_000_000, 2_000_000, at(1.0)),
            "verifying: 3.0 of 3.0 MB, 3 MB/s, 0 s left"
        );
    }
}
