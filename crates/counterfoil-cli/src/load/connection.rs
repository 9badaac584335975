//! One connection with some chains of its own: sends what is due, and finds out what became of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use counterfoil::Digest;
use rustix::time::{ClockId, clock_gettime};

use super::batch::Batch;
use super::producer::{Ended, Producer};
use super::remote::{Answer, Remote, is_about_the_head, text_of};
use super::schedule::{Rest, Schedule};
use super::tally::{Counts, Latencies};
use crate::failure::Failure;

/// How long to wait before a question is asked again, at first and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// What all connections share.
pub(super) struct Run<'a> {
    pub(super) counts: &'a Counts,
    pub(super) rest: &'a Rest,
    pub(super) stop: &'a AtomicBool,
    pub(super) batch: u64,
    /// How long a batch is tried for.
    pub(super) patience: Duration,
}

/// A connection, with the chains that nobody else sends.
pub(super) struct Connection<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) remote: Remote,
    pub(super) producers: Vec<Producer>,
    pub(super) latencies: Latencies,
}

impl Connection<'_> {
    /// Sends by the schedule until its end; the chains take turns.
    pub(super) fn send_all(&mut self, mut schedule: Schedule) -> Result<(), Failure> {
        let mut turn = 0;
        while !self.is_stopped() && self.producers.iter().any(|it| it.ended.is_none()) {
            let index = turn % self.producers.len();
            turn += 1;
            if self.producers[index].ended.is_some() {
                continue;
            }
            let Some(due) = schedule.next(Instant::now()) else {
                self.run
                    .counts
                    .unsent
                    .add(schedule.missed() * self.run.batch);
                break;
            };
            let records = self.run.rest.take(self.run.batch);
            if records == 0 {
                break;
            }
            let batch = self.batch(index, records)?;
            self.wait_until(due);
            self.run.counts.offered.add(batch.records());
            self.deliver(index, batch, due);
        }
        Ok(())
    }

    /// A batch sealed before, or else one that is sealed now, which counts as the generator's own work.
    fn batch(&mut self, index: usize, records: u64) -> Result<Batch, Failure> {
        let producer = &mut self.producers[index];
        if let Some(mut batch) = producer.sealed() {
            batch.keep(records);
            return Ok(batch);
        }
        let before = thread_time();
        let batch = producer.seal(records)?;
        let spent = thread_time().saturating_sub(before);
        self.run.counts.sealed_meanwhile.add(batch.records());
        self.run.counts.sealing_ns.add(spent.as_nanos() as u64);
        Ok(batch)
    }

    fn wait_until(&self, due: Instant) {
        let mut now = Instant::now();
        while now < due && !self.is_stopped() {
            thread::sleep((due - now).min(Duration::from_millis(100)));
            now = Instant::now();
        }
    }

    /// Sends a batch until all of it is acknowledged, it is refused for good, or patience is at its end.
    fn deliver(&mut self, index: usize, mut batch: Batch, due: Instant) {
        let counts = self.run.counts;
        let give_up = Instant::now() + self.run.patience;
        let mut backoff = BACKOFF.0;
        let mut again = false;
        loop {
            let records = batch.records();
            counts.requests.add(1);
            counts.sent.add(records);
            if again {
                counts.retried.add(records);
            }
            let answer = self.remote.send(self.producers[index].id(), &batch.lines);
            let last;
            let wait = match answer {
                Answer::Acknowledged(seq, hash) => {
                    if self.acknowledge(index, &mut batch, seq, Some(hash), due) {
                        return;
                    }
                    counts.refused.add(batch.records());
                    last = "only a part was acknowledged".to_owned();
                    backoff
                }
                Answer::Refused(refused) => {
                    let seq = refused.acknowledged.unwrap_or(0);
                    if seq >= batch.first && self.acknowledge(index, &mut batch, seq, None, due) {
                        return;
                    }
                    counts.refused.add(batch.records());
                    // A head may have moved by what was sent before and never answered.
                    let passes = refused.is_temporary() || again && is_about_the_head(&refused);
                    if !passes {
                        self.producers[index].ended = Some(Ended::Refused(text_of(&refused)));
                        return;
                    }
                    last = text_of(&refused);
                    refused.retry_after.unwrap_or(backoff)
                }
                Answer::None(why) => {
                    counts.unanswered.add(records);
                    last = why;
                    backoff
                }
            };
            thread::sleep(wait.min(give_up.saturating_duration_since(Instant::now())));
            backoff = (backoff * 2).min(BACKOFF.1);
            again = true;
            if self.resume(index, &mut batch, due, give_up) {
                return;
            }
            if Instant::now() >= give_up {
                self.producers[index].ended = Some(Ended::Unanswered(last));
                return;
            }
        }
    }

    /// Asks for the head and leaves out what the collector has; whether nothing is left to send.
    fn resume(&mut self, index: usize, batch: &mut Batch, due: Instant, give_up: Instant) -> bool {
        let mut backoff = BACKOFF.0;
        loop {
            let last = match self.remote.head(self.producers[index].id()) {
                Answer::Acknowledged(seq, hash) => {
                    let before = batch.records();
                    let done = self.acknowledge(index, batch, seq, Some(hash), due);
                    let left = if done { 0 } else { batch.records() };
                    self.run.counts.found.add(before - left);
                    return done;
                }
                Answer::Refused(refused) if !refused.is_temporary() => {
                    self.producers[index].ended = Some(Ended::Refused(text_of(&refused)));
                    return true;
                }
                Answer::Refused(refused) => text_of(&refused),
                Answer::None(why) => why,
            };
            if Instant::now() >= give_up {
                self.producers[index].ended = Some(Ended::Unanswered(last));
                return true;
            }
            thread::sleep(backoff);
            backoff = (backoff * 2).min(BACKOFF.1);
        }
    }

    /// Takes note that everything up to `seq` is durable; whether nothing of the batch is left.
    fn acknowledge(
        &mut self,
        index: usize,
        batch: &mut Batch,
        seq: u64,
        hash: Option<Digest>,
        due: Instant,
    ) -> bool {
        let producer = &mut self.producers[index];
        let known = match producer.acknowledged {
            (before, known) if before == seq => Some(known),
            _ => batch.hash_of(seq),
        };
        let Some(known) = known.filter(|known| hash.is_none_or(|hash| hash == *known)) else {
            let (before, _) = producer.acknowledged;
            producer.ended = Some(Ended::Contradicted(contradiction(seq, before, batch.last)));
            return true;
        };
        if seq < batch.first {
            return false;
        }
        producer.acknowledged = (seq, known);
        let records = seq + 1 - batch.first;
        let bytes = batch.lines.len() as u64 * records / batch.records();
        self.run.counts.acknowledged.add(records);
        self.run.counts.bytes.add(bytes);
        self.latencies.record(due.elapsed(), records);
        batch.leave_out(seq);
        seq == batch.last
    }

    fn is_stopped(&self) -> bool {
        self.run.stop.load(Ordering::Relaxed)
    }
}

/// What a head means that no honest collector can have.
fn contradiction(seq: u64, acknowledged: u64, sent: u64) -> String {
    if seq < acknowledged {
        return format!(
            "LOST: record {acknowledged} was acknowledged, and the collector now ends with {seq}"
        );
    }
    if seq > sent {
        return format!("DOUBLE: the collector has record {seq}, and the last one sent is {sent}");
    }
    format!("CHANGED: the collector has another record {seq} than was sent")
}

/// Processor time of this thread.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}
