//! What lies beyond the trusted head.

use std::time::Duration;

use counterfoil_core::Timestamp;

use super::Judge;
use crate::source::LogFile;
use crate::verify::cause::Cause;
use crate::verify::findings::Detail;
use crate::verify::reason::Reason;

impl Judge<'_> {
    /// Bytes behind the last line feed of a file.
    pub(crate) fn unfinished(&mut self, file: &LogFile, offset: u64, bytes: &[u8], last: bool) {
        if bytes.is_empty() {
            return;
        }
        let up_to_head = self
            .trusted
            .as_ref()
            .is_some_and(|head| self.expected <= head.seq);
        if up_to_head || !last {
            let cause = if bytes.iter().all(|byte| *byte == 0) {
                Cause::TornWrite
            } else {
                Cause::CutOff
            };
            let detail = Detail::differs(
                format!(
                    "the last {} bytes of the file are no whole line",
                    bytes.len()
                ),
                "a line feed at the end",
                "the end of the file",
            );
            self.malformed(file, offset, detail.because(Some(cause)));
        } else {
            self.tail.unfinished_bytes = bytes.len() as u64;
        }
    }

    /// The age of the record at the trusted head.
    pub(super) fn head_age(&self) -> Option<Duration> {
        let seq = self.trusted.as_ref()?.seq;
        let sealed = Timestamp::from_text(self.heads_sealed.get(&seq)?)?;
        Some(self.options.now.since(sealed))
    }

    /// Counts and ages the tail, and holds it against what was asked for.
    pub(super) fn judge_tail(&mut self) {
        let Some(head) = &self.trusted else {
            self.tail.records = 0;
            self.tail.consistent = 0;
            return;
        };
        self.tail.age = self
            .oldest_tail
            .and_then(|time| Timestamp::from_text(&time))
            .map(|oldest| self.options.now.since(oldest));
        let seq = head.seq;
        let unfinished = u64::from(self.tail.unfinished_bytes > 0);
        let records = self.tail.records + unfinished;
        if self.options.require_anchored_tail && records > 0 {
            self.findings.position(
                Reason::Tail,
                seq + 1,
                format!("{records} records lie beyond the trusted head, and none was allowed"),
            );
        }
        if let (Some(allowed), Some(age)) = (self.options.max_tail_age, self.tail.age)
            && age > allowed
        {
            self.findings.position(
                Reason::Tail,
                seq + 1,
                format!(
                    "the oldest record beyond the trusted head was sealed {} ago, and {} are allowed",
                    seconds(age),
                    seconds(allowed)
                ),
            );
        }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
