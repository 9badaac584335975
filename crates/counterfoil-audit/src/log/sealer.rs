//! The sealer: the one thread that gives records their order.
//!
//! A round reads the clock (T), looks into every queue, and seals the entries stamped at or before T in the order of their
//! stamps; later ones stay in their queues (audit specification §4). An entry whose call returned before another one's
//! began is in its queue before the other is stamped, so a round that seals the other sees it, and its stamp is not later.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::thread;
use std::time::{Duration, Instant};

use counterfoil_core::{Digest, EventWords, NameCheck, Redact, Ticks, Timeline};
use counterfoil_signer::Signer;

use crate::log::commit::{Batch, PoisonedTail};
use crate::log::epochs::Epochs;
use crate::log::files::{FileSystem, write_all};
use crate::log::gate::State;
use crate::log::head_signers::HeadSigners;
use crate::log::kind_counts::KindIndex;
use crate::log::lane::{TAG_ERASABLE, TAG_EVENT, TAG_SIDE, TAG_UNFIT};
use crate::log::lane_source::{Front, LaneSource};
use crate::log::openings::OpeningsWriter;
use crate::log::options::{Settings, WhenFull};
use crate::log::orders::Task;
use crate::log::pruner::Pruner;
use crate::log::pruning::SegmentEnd;
use crate::log::queue::MAX_WORDS;
use crate::log::redaction::redact_input;
use crate::log::segment::{BUNDLE, Segment, SegmentDir};
use crate::log::shared::Shared;
use crate::log::waiters::Stage;
use crate::{
    AuditChain, AuditEventData, AuditInput, ClockStepped, CloseReason, Error, ErrorKind, Instance,
    Lane, LanePositions, LogClosed, LossReason, ProducerClosed, RecordsLost, Sealed, Src, SrcId,
};

/// A batch is written when it has grown to this, so that what waits for it does not wait for a whole backlog.
const BATCH_BYTES: usize = 256 << 10;
/// Sleeps between rounds: the first after work, doubled up to the last while little comes. At 100 µs a writer that appends
/// without waiting is batched some tens of records at a time; at 2 ms an idle log takes 0.1 % of a core. Whoever waits for a
/// record rings, and so does a producer that fills half a queue meanwhile.
const SHORT_SLEEP: Duration = Duration::from_micros(100);
const LONG_SLEEP: Duration = Duration::from_millis(2);
/// A round that sealed at least this many is followed by the next at once.
const BUSY: usize = 32;
/// Fewer than this are no reason to come back soon: a thousand records a second that nobody waits for would otherwise wake
/// two threads thousands of times a second, at the cost of the service.
const FEW: usize = 8;

/// Why the sealer stopped before its time. The log has failed, and this says why.
#[derive(Debug)]
pub(crate) struct Stopped(pub(crate) String);

/// Where a sealer writes.
pub(crate) struct Storage {
    pub(crate) dir: SegmentDir,
    /// The segment to go on in, and its length.
    pub(crate) segment: (Segment, u64),
    pub(crate) openings: OpeningsWriter,
    /// The log's directory.
    pub(crate) log: PathBuf,
    pub(crate) files: Arc<dyn FileSystem>,
}

pub(crate) struct Sealer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) settings: Settings,
    pub(crate) chain: AuditChain,
    pub(crate) instance: Instance,
    pub(crate) redactor: NameCheck,
    pub(crate) signers: Arc<HeadSigners>,
    pub(crate) record_signer: Option<Arc<dyn Signer>>,
    pub(crate) epochs: Option<Epochs>,
    pub(crate) dir: SegmentDir,
    pub(crate) segment: Arc<Segment>,
    pub(crate) segment_len: u64,
    openings: OpeningsWriter,
    pub(crate) retention: Pruner,
    segment_since: Ticks,
    timeline: Timeline,
    lanes: Vec<LaneSource>,
    /// The last `n` of the sealer's own lane.
    own_n: u64,
    buffer: Vec<u8>,
    /// Of the records in the buffer.
    hashes: Vec<Digest>,
    sealed_here: u64,
    anchored_seq: u64,
    anchored_at: Ticks,
    /// The segments that were replaced since the last commit, and how many commits there had been.
    mended: (u64, BTreeSet<u64>),
}

impl Sealer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        settings: Settings,
        chain: AuditChain,
        instance: Instance,
        redactor: Arc<dyn Redact>,
        storage: Storage,
        signers: Arc<HeadSigners>,
    ) -> Self {
        let Storage {
            dir,
            segment: (segment, segment_len),
            openings,
            log,
            files,
        } = storage;
        let timeline = Timeline::read(&*shared.clock);
        let anchored_seq = chain.seq();
        Self {
            shared,
            settings,
            chain,
            instance,
            redactor: NameCheck::new(redactor),
            signers,
            record_signer: None,
            epochs: None,
            dir,
            segment: Arc::new(segment),
            segment_len,
            openings,
            retention: Pruner::new(log, files),
            segment_since: timeline.ticks(),
            timeline,
            lanes: Vec::new(),
            own_n: 0,
            buffer: Vec::new(),
            hashes: Vec::new(),
            sealed_here: 0,
            anchored_seq,
            anchored_at: timeline.ticks(),
            mended: Default::default(),
        }
    }

    /// Seals until the log is closed; its last records are written and handed to the committer.
    pub(crate) fn run(&mut self) -> Result<(), Stopped> {
        self.shared.intake.gate.attend(thread::current());
        let mut sleep = SHORT_SLEEP;
        loop {
            if self.shared.has_failed() || self.shared.is_abandoned() {
                return Ok(());
            }
            self.mend_poisoned()?;
            if self.shared.commit.unsynced_bytes() > self.settings.most_unsynced_bytes {
                // Rung by the committer.
                thread::park_timeout(LONG_SLEEP);
                continue;
            }
            self.turn_epochs(Epochs::turn)?;
            self.serve_rotations()?;
            // In this order: what is offered after the gate closed is refused, so an empty round after it is the last.
            let closing = self.shared.intake.gate.state() == State::Closing;
            let sealed = self.round(closing)?;
            if closing && sealed == 0 {
                return self.close();
            }
            if !closing {
                self.serve_orders()?;
                self.prune()?;
            }
            self.flush(false)?;
            if sealed < BUSY && !closing {
                sleep = if sealed >= FEW {
                    SHORT_SLEEP
                } else {
                    LONG_SLEEP.min(sleep * 2)
                };
                thread::park_timeout(sleep);
            }
        }
    }

    /// The clock as this round read it.
    pub(crate) const fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// One round; how many entries it sealed. With `all`, stamps do not hold entries back any more.
    fn round(&mut self, all: bool) -> Result<usize, Stopped> {
        self.read_clock()?;
        let now = if all {
            u64::MAX
        } else {
            self.timeline.ticks().0
        };
        // Orders the reading of the clock before the reading of the queues.
        fence(Ordering::SeqCst);
        self.meet_new_lanes();
        let mut sealed = 0;
        let mut fronts = BinaryHeap::new();
        for index in 0..self.lanes.len() {
            if let Some((first, last)) = self.lanes[index].look() {
                self.declare_lost(index, first, last, None)?;
                sealed += 1;
            }
            if let Some(front) = self.lanes[index].front(now) {
                fronts.push(Reverse((front.stamp, index)));
            }
        }
        while let Some(Reverse((_, index))) = fronts.pop() {
            // This lane is served until another one is due.
            let next = fronts.peek().map(|Reverse(next)| *next);
            while let Some(front) = self.lanes[index].front(now) {
                if next.is_some_and(|next| next < (front.stamp, index)) {
                    fronts.push(Reverse((front.stamp, index)));
                    break;
                }
                self.take(index, front)?;
                sealed += 1;
                if self.buffer.len() >= BATCH_BYTES {
                    self.flush(false)?;
                    if self.must_pause() {
                        fronts.clear();
                        break;
                    }
                }
            }
        }
        for source in &mut self.lanes {
            source.lane.queue.release(&mut source.consumer);
        }
        if sealed > 0 {
            self.shared.intake.gate.room_was_made();
        }
        Ok(sealed)
    }

    fn must_pause(&self) -> bool {
        self.shared.commit.is_poisoned()
            || self.shared.commit.unsynced_bytes() > self.settings.most_unsynced_bytes
    }

    /// Reads both clocks, and declares a step of the wall clock against the monotonic one.
    pub(crate) fn read_clock(&mut self) -> Result<(), Stopped> {
        let timeline = Timeline::read(&*self.shared.clock);
        let (from, to) = (self.timeline.at(timeline.ticks()), timeline.utc());
        let step = from.since(to).max(to.since(from));
        self.timeline = timeline;
        if step >= self.settings.clock_step {
            self.shared
                .progress
                .clock_steps
                .fetch_add(1, Ordering::Relaxed);
            let delta_ns = i128::from(to.unix_nanos()) - i128::from(from.unix_nanos());
            self.seal_own(AuditEventData::ClockStepped(ClockStepped {
                delta_ns: i64::try_from(delta_ns).unwrap_or(if delta_ns < 0 {
                    i64::MIN
                } else {
                    i64::MAX
                }),
                from,
                to,
            }))?;
        }
        Ok(())
    }

    fn meet_new_lanes(&mut self) {
        let lanes = &self.shared.intake.lanes;
        let shared_index = lanes.shared().index();
        if self.lanes.is_empty() {
            let shared = Arc::clone(lanes.shared());
            self.lanes
                .push(LaneSource::new(shared, self.instance, shared_index));
        }
        // The shared lane comes first here and last there.
        for index in self.lanes.len() - 1..shared_index {
            let Some(lane) = lanes.get(index) else { break };
            self.lanes.push(LaneSource::new(
                Arc::clone(lane),
                self.instance,
                shared_index,
            ));
        }
        let deepest = self
            .lanes
            .iter()
            .map(|source| source.lane.queue.depth())
            .max();
        self.shared
            .progress
            .deepest_queue
            .fetch_max(deepest.unwrap_or(0), Ordering::Relaxed);
    }

    /// Takes the front entry of a lane out of its queue and seals it.
    fn take(&mut self, index: usize, front: Front) -> Result<(), Stopped> {
        let expected = self.lanes[index].next_n;
        let n = front.header.n;
        if n > expected {
            self.declare_lost(index, expected, n - 1, None)?;
        }
        let source = &mut self.lanes[index];
        let mut words = [0; MAX_WORDS];
        source
            .lane
            .queue
            .take(&mut source.consumer, front.header, &mut words);
        source.passed(front);
        if front.header.tag == TAG_UNFIT {
            // Its ticket was refused when it was offered.
            source.lane.count_invalid(1);
            return self.declare_lost(index, n, n, Some(LossReason::Invalid));
        }
        let used = &words[..front.header.len];
        let outcome = match front.header.tag {
            TAG_EVENT => self.seal_event(index, n, &EventWords::from_slice(used)),
            TAG_SIDE => self.seal_input(index, n, Ticks(words[0])),
            TAG_ERASABLE => self.seal_erasable(index, n, Ticks(words[0])),
            tag => Err(Error::invalid(
                "seal a record",
                format!("a queue entry has the unknown tag {tag}"),
            )),
        };
        match outcome {
            Ok((sealed, kind)) => {
                self.lanes[index].lane.count_stored(1);
                self.sealed(sealed, kind)
            }
            Err(error) if error.kind() == ErrorKind::Invalid => {
                let lane = &self.lanes[index].lane;
                lane.count_invalid(1);
                self.shared.note_lost(lane.index(), n, n);
                self.declare_lost(index, n, n, Some(LossReason::Invalid))
            }
            Err(error) => Err(Stopped(error.to_string())),
        }
    }

    fn seal_event(
        &mut self,
        index: usize,
        n: u64,
        words: &EventWords,
    ) -> Result<(Sealed, KindIndex), Error> {
        let sealed = self.seal_words(index, n, words)?;
        Ok((sealed, KindIndex::of_event(words)))
    }

    fn seal_words(&mut self, index: usize, n: u64, words: &EventWords) -> Result<Sealed, Error> {
        let (timeline, now) = (self.timeline, self.timeline.utc());
        let src = self.lanes[index].src;
        if self.redactor.is_clean(words) {
            return self
                .chain
                .seal_event(&mut self.buffer, words, &src, n, &timeline, now);
        }
        let Some((event, context)) = words.decode() else {
            return Err(Error::invalid("seal an event", "its words cannot be read"));
        };
        let time = timeline.at(words.ticks());
        let mut input = AuditInput::from_event(&event, &context, Src { id: src, n, time });
        redact_input(&**self.redactor.policy(), &mut input);
        self.chain.seal(&mut self.buffer, &input, now)
    }

    fn seal_input(
        &mut self,
        index: usize,
        n: u64,
        ticks: Ticks,
    ) -> Result<(Sealed, KindIndex), Error> {
        let input = self.take_input(index, n, ticks)?;
        let sealed = self
            .chain
            .seal(&mut self.buffer, &input, self.timeline.utc())?;
        Ok((sealed, KindIndex::of(&input.data.kind())))
    }

    /// Seals an input with erasable values: only here is it known which record it will be, and commitments are bound to that.
    fn seal_erasable(
        &mut self,
        index: usize,
        n: u64,
        ticks: Ticks,
    ) -> Result<(Sealed, KindIndex), Error> {
        let mut input = self.take_input(index, n, ticks)?;
        let (id, seq) = (self.chain.id().as_str(), self.chain.seq() + 1);
        let openings = self.openings.commit(id, seq, &mut input)?;
        let start = self.buffer.len();
        let sealed = self
            .chain
            .seal(&mut self.buffer, &input, self.timeline.utc())?;
        self.openings.keep(openings, &self.buffer[start..]);
        Ok((sealed, KindIndex::of(&input.data.kind())))
    }

    /// The input that belongs to the marker just taken, redacted.
    fn take_input(&self, index: usize, n: u64, ticks: Ticks) -> Result<Box<AuditInput>, Error> {
        let source = &self.lanes[index];
        let Some(mut input) = source.lane.take_side() else {
            return Err(Error::invalid("seal a record", "its input is not there"));
        };
        input.src = Src {
            id: source.src,
            n,
            time: self.timeline.at(ticks),
        };
        redact_input(&**self.redactor.policy(), &mut input);
        Ok(input)
    }

    /// Declares that numbers of a lane will never be sealed.
    fn declare_lost(
        &mut self,
        index: usize,
        first_n: u64,
        last_n: u64,
        reason: Option<LossReason>,
    ) -> Result<(), Stopped> {
        let reason = reason.unwrap_or_else(|| {
            match (self.shared.intake.gate.state(), self.settings.when_full) {
                (State::Closing, _) => LossReason::Shutdown,
                (_, WhenFull::DropAndCount) => LossReason::QueueFull,
                _ => LossReason::Refused,
            }
        });
        let source = &mut self.lanes[index];
        source.next_n = source.next_n.max(last_n + 1);
        source.touched = true;
        let src = source.src;
        self.shared
            .progress
            .lost_declared
            .fetch_add(last_n - first_n + 1, Ordering::Relaxed);
        self.seal_own(AuditEventData::RecordsLost(RecordsLost {
            first_n,
            last_n,
            reason,
            src,
        }))
    }

    /// Seals a record of the log about itself.
    pub(crate) fn seal_own(&mut self, data: AuditEventData) -> Result<(), Stopped> {
        let kind = KindIndex::of(&data.kind());
        let now = self.timeline.utc();
        self.retention.note(&data, self.chain.seq() + 1);
        let src = Src {
            id: SrcId::new(self.instance, Lane::sealer()),
            n: self.own_n + 1,
            time: now,
        };
        let sealed = self
            .chain
            .seal(&mut self.buffer, &AuditInput::new(data, src), now)
            .map_err(|error| Stopped(error.to_string()))?;
        self.own_n += 1;
        self.sealed(sealed, kind)
    }

    /// Seals what others than this thread want said about the log.
    fn serve_orders(&mut self) -> Result<(), Stopped> {
        for order in self.shared.orders.take() {
            match &order.task {
                Task::Seal(data) => {
                    self.seal_own((**data).clone())?;
                    order.answer(Ok(self.chain.seq()));
                }
                Task::Prune => self.retention.ask(order),
            }
        }
        Ok(())
    }

    /// Bookkeeping after every record.
    fn sealed(&mut self, sealed: Sealed, kind: KindIndex) -> Result<(), Stopped> {
        self.shared.progress.kinds.count(kind);
        self.hashes.push(sealed.hash);
        self.sealed_here += 1;
        if sealed.seq.is_multiple_of(BUNDLE) && self.segment_is_full() {
            self.flush(false)?;
            self.rotate();
        }
        Ok(())
    }

    fn segment_is_full(&self) -> bool {
        let len = self.segment_len + self.buffer.len() as u64;
        let age = Duration::from_nanos(self.timeline.ticks().0 - self.segment_since.0);
        len >= self.settings.segment_bytes || age >= self.settings.segment_age
    }

    /// Goes on in a new segment. When none can be created, in the old one: the next multiple tries again.
    fn rotate(&mut self) {
        match self.dir.create(self.chain.seq() + 1) {
            Ok(segment) => {
                self.retention.segment_ended(SegmentEnd {
                    first: self.segment.first,
                    last: self.chain.seq(),
                    bytes: self.segment_len,
                    time: self.chain.time(),
                    hash: self.chain.hash(),
                    root: self.chain.tree().root(),
                });
                self.segment = Arc::new(segment);
                self.segment_len = 0;
                self.openings.next_file();
                self.segment_since = self.timeline.ticks();
            }
            Err(error) => self
                .shared
                .set_alarm(format!("no new segment could be created: {error}")),
        }
    }

    /// Writes what is sealed and hands it to the committer, with a head when an anchor is due or `anchor` says so.
    pub(crate) fn flush(&mut self, anchor: bool) -> Result<(), Stopped> {
        let wanted = self.shared.take_anchor_wanted() || anchor;
        let due = wanted || self.anchor_is_due();
        if self.hashes.is_empty() && !due {
            return Ok(());
        }
        let head = if due { self.chain.head() } else { None };
        let head = head.map(|head| (head, self.chain.tree().clone()));
        if due {
            self.anchored_seq = self.chain.seq();
            self.anchored_at = self.timeline.ticks();
        }
        self.openings.flush().map_err(|error| {
            Stopped(format!(
                "the openings of erasable values could not be written ({error}), and no record may come before its \
                 openings. Everything acknowledged is kept; free or repair the disk and open the log again"
            ))
        })?;
        let written = write_all(&*self.segment.file, &self.buffer);
        let failure = written.err().map(|error| {
            format!(
                "segment {} could not be written ({error})",
                self.segment.first
            )
        });
        let failed = failure.is_some();
        self.segment_len += self.buffer.len() as u64;
        let marks = self.take_marks();
        let batch = Batch {
            segment: Arc::clone(&self.segment),
            bytes: std::mem::replace(&mut self.buffer, self.shared.commit.buffer()),
            last_seq: self.chain.seq(),
            last_hash: self.chain.hash(),
            records: self.hashes.len(),
            hashes: self.take_hashes(),
            at: Instant::now(),
            marks: marks.clone(),
            head,
        };
        self.shared.commit.push(batch, failure);
        if failed {
            self.mend_poisoned()?;
        }
        self.publish_written(&marks);
        Ok(())
    }

    /// The hashes of this batch, leaving room for as many of the next.
    fn take_hashes(&mut self) -> Vec<Digest> {
        let room = Vec::with_capacity(self.hashes.len());
        std::mem::replace(&mut self.hashes, room)
    }

    fn anchor_is_due(&self) -> bool {
        let records = self.chain.seq() - self.anchored_seq;
        let age = Duration::from_nanos(self.timeline.ticks().0 - self.anchored_at.0);
        records > 0
            && (records >= self.settings.anchor_records || age >= self.settings.anchor_interval)
    }

    fn take_marks(&mut self) -> Vec<(usize, u64)> {
        self.lanes
            .iter_mut()
            .filter_map(|source| {
                std::mem::take(&mut source.touched)
                    .then(|| (source.lane.index(), source.next_n - 1))
            })
            .collect()
    }

    fn publish_written(&self, marks: &[(usize, u64)]) {
        for (index, n) in marks {
            if let Some(lane) = self.shared.intake.lanes.get(*index) {
                lane.mark_written(*n);
            }
        }
        self.shared
            .progress
            .written_seq
            .store(self.chain.seq(), Ordering::Release);
        self.shared.wake(Stage::Written);
    }

    /// Replaces each poisoned segment, the oldest first.
    pub(crate) fn mend_poisoned(&mut self) -> Result<(), Stopped> {
        while self.shared.commit.is_poisoned() {
            let Some(tail) = self.shared.commit.poisoned_tail() else {
                return Ok(());
            };
            self.mend(&tail)?;
        }
        Ok(())
    }

    /// Replaces a poisoned segment: its durable beginning, and behind it, from memory and byte for byte, what was not
    /// acknowledged, in a fresh file under the same name. When that fails too, the log has failed.
    fn mend(&mut self, tail: &PoisonedTail) -> Result<(), Stopped> {
        let first = tail.segment.first;
        self.shared
            .progress
            .poisoned
            .fetch_add(1, Ordering::Relaxed);
        self.shared.set_alarm(tail.why.clone());
        let commits = self.shared.progress.syncs.load(Ordering::Relaxed);
        if self.mended.0 != commits {
            self.mended = (commits, BTreeSet::new());
        }
        if !self.mended.1.insert(first) {
            return Err(Stopped(format!(
                "{}, and so did the segment that replaced it. Everything acknowledged is kept; repair the disk and open \
                 the log again",
                tail.why
            )));
        }
        let durable = tail.segment.durable_len();
        let replace = || {
            let beginning = tail.segment.file.read_first(durable)?;
            self.dir.replace(first, &[&beginning, &tail.bytes])
        };
        let segment = replace().map_err(|error| {
            Stopped(format!(
                "{}, and it could not be replaced either ({error}). Everything acknowledged is kept; free or repair the \
                 disk and open the log again",
                tail.why
            ))
        })?;
        let segment = Arc::new(segment.with_durable(durable));
        if self.segment.first == first {
            self.segment = Arc::clone(&segment);
        }
        self.shared.commit.mend(&segment);
        Ok(())
    }

    /// Says farewell: final numbers, `log_closed`, and a head for the last anchor.
    fn close(&mut self) -> Result<(), Stopped> {
        let mut lanes: LanePositions = self
            .lanes
            .iter()
            .map(|source| (source.src.lane(), source.next_n - 1))
            .collect();
        // This record, and log_closed.
        lanes.insert(Lane::sealer(), self.own_n + 2);
        self.seal_own(AuditEventData::ProducerClosed(ProducerClosed {
            instance: self.instance,
            lanes,
            more: false,
        }))?;
        self.seal_own(AuditEventData::LogClosed(LogClosed {
            reason: CloseReason::Shutdown,
            records: self.sealed_here + 1,
        }))?;
        self.flush(true)?;
        self.shared.commit.finish();
        // Only this thread can mend a segment, so it stays until the last sync has succeeded.
        while !self.shared.commit.is_empty()
            && !self.shared.has_failed()
            && !self.shared.is_abandoned()
        {
            self.mend_poisoned()?;
            thread::park_timeout(LONG_SLEEP);
        }
        self.turn_epochs(Epochs::settle)
    }

    /// However this thread ends: a key whose epoch is durably over must not outlive the process.
    pub(crate) fn end_epoch(&mut self) {
        let now = self.shared.clock.ticks().0;
        let ended = self.turn_epochs(|epochs, sealer| -> Result<(), Infallible> {
            epochs.end(sealer, now);
            Ok(())
        });
        let Ok(()) = ended;
    }

    /// Lets the epochs, if there are any, work on this sealer.
    pub(crate) fn turn_epochs<E>(
        &mut self,
        work: impl FnOnce(&mut Epochs, &mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(mut epochs) = self.epochs.take() else {
            return Ok(());
        };
        let outcome = work(&mut epochs, self);
        self.epochs = Some(epochs);
        outcome
    }
}
