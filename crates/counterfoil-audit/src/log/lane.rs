//! Lanes: one producer queue each, claimed by a thread and handed back.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use crate::AuditInput;
use crate::log::admission::{self, Admitted};
use crate::log::gate::{Gate, State};
use crate::log::options::{OnFailure, WhenFull};
use crate::log::queue::{Producer, Queue};
use crate::log::sync::Alone;
use crate::log::waiters::after;

/// Tag of an entry whose words are an event.
pub(crate) const TAG_EVENT: u64 = 0;
/// Tag of an entry whose input waits in the side queue; its one word is the stamp.
pub(crate) const TAG_SIDE: u64 = 1;
/// As [`TAG_SIDE`], of an input that holds erasable values.
pub(crate) const TAG_ERASABLE: u64 = 3;
/// Tag of an entry that stands for an input which cannot be sealed; its one word is the stamp.
pub(crate) const TAG_UNFIT: u64 = 2;

/// One producer queue: the `src.id` of its records is `<instance>/<name of the lane>`.
#[derive(Debug)]
pub(crate) struct LaneQueue {
    index: usize,
    pub(crate) queue: Queue,
    /// Inputs that do not fit into words, in the order of their markers in the queue.
    side: Mutex<VecDeque<Box<AuditInput>>>,
    side_capacity: usize,
    /// Written by the producer only.
    counts: Alone<Counts>,
    /// Written by the sealer and the committer only.
    marks: Alone<Marks>,
}

#[derive(Debug, Default)]
struct Counts {
    /// The last `n` taken.
    offered: AtomicU64,
    /// The last `n` that was refused.
    refused_n: AtomicU64,
    rejected: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Marks {
    stored: AtomicU64,
    invalid: AtomicU64,
    written: AtomicU64,
    durable: AtomicU64,
}

/// How far a producer has come; lives with whoever owns the lane at the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    producer: Producer,
    n: u64,
    nudged: u64,
}

/// What became of one offer: a number, and whether the queue took it. Copy it about freely; a [`Ticket`](crate::Ticket) is
/// made of it by [`AuditLog::ticket`](crate::AuditLog::ticket), of the same log.
///
/// Fate, lane and number in one word, lowest bits first, so that it travels in a register. As three fields it went through
/// memory, and the load that put it together waited for all stores of the call: half of the call's time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Offer(u64);

const FATE_BITS: u32 = 3;
/// A log has at most 1 023 lanes.
const LANE_BITS: u32 = 11;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Queued,
    Full,
    Dropped,
    Closed,
    Failed,
    /// It breaks the format.
    Invalid,
    /// It is of a kind that only the log itself writes.
    Reserved,
}

impl Fate {
    const ALL: [Self; 7] = [
        Self::Queued,
        Self::Full,
        Self::Dropped,
        Self::Closed,
        Self::Failed,
        Self::Invalid,
        Self::Reserved,
    ];
}

impl Offer {
    /// `n` has 50 bits: 35 years of a million a second.
    #[inline]
    const fn new(lane: usize, fate: Fate, n: u64) -> Self {
        Self(n << (LANE_BITS + FATE_BITS) | (lane as u64) << FATE_BITS | fate as u64)
    }

    /// Whether the entry is queued. If not, it was counted and will be declared in a `records_lost` record.
    #[must_use]
    pub fn is_queued(&self) -> bool {
        self.fate() == Fate::Queued
    }

    /// The number of the entry in its lane, from 1 (`src.n`; audit specification §7).
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.0 >> (LANE_BITS + FATE_BITS)
    }

    pub(crate) const fn lane(self) -> usize {
        (self.0 >> FATE_BITS & ((1 << LANE_BITS) - 1)) as usize
    }

    pub(crate) fn fate(self) -> Fate {
        let index = (self.0 & ((1 << FATE_BITS) - 1)) as usize;
        // Only `new` makes offers, so the index is one of a fate.
        Fate::ALL.get(index).copied().unwrap_or(Fate::Failed)
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer")
            .field("lane", &self.lane())
            .field("n", &self.n())
            .field("fate", &self.fate())
            .finish()
    }
}

impl LaneQueue {
    pub(crate) fn new(index: usize, queue_words: usize) -> Self {
        let queue = Queue::new(queue_words);
        // Inputs in the side queue own memory of their own, so it is bounded apart, by number.
        let side_capacity = (queue_words / 16).max(1);
        Self {
            index,
            queue,
            side: Mutex::default(),
            side_capacity,
            counts: Alone::default(),
            marks: Alone::default(),
        }
    }

    pub(crate) const fn index(&self) -> usize {
        self.index
    }

    /// Where a new owner goes on. The claim orders it after the owner before.
    fn position(&self) -> Position {
        Position {
            producer: self.queue.adopt(),
            n: self.counts.0.offered.load(Ordering::Relaxed),
            nudged: 0,
        }
    }

    #[inline]
    fn take_n(&self, at: &mut Position) -> u64 {
        at.n += 1;
        self.counts.0.offered.store(at.n, Ordering::Relaxed);
        at.n
    }

    /// Offers an entry of words.
    #[inline]
    fn offer(&self, gate: &Gate, at: &mut Position, words: &[u64]) -> Offer {
        let n = self.take_n(at);
        if gate.is_open() && self.queue.push(&mut at.producer, TAG_EVENT, n, words) {
            self.nudge(gate, at);
            return self.answer(n, Fate::Queued);
        }
        self.insist(gate, at, n, |lane, at| {
            lane.queue.push(&mut at.producer, TAG_EVENT, n, words)
        })
    }

    /// Offers an input that does not fit into words, stamped `ticks`.
    fn offer_input(
        &self,
        gate: &Gate,
        at: &mut Position,
        mut input: AuditInput,
        ticks: u64,
    ) -> Offer {
        let n = self.take_n(at);
        input.src.n = n;
        let tag = match admission::admit(&mut input) {
            Ok(Admitted::Plain) => TAG_SIDE,
            Ok(Admitted::Erasable) => TAG_ERASABLE,
            Err(refusal) => return self.offer_unfit(gate, at, n, ticks, refusal),
        };
        let mut input = Some(Box::new(input));
        self.insist(gate, at, n, |lane, at| {
            let mut side = lane.side.lock().unwrap_or_else(PoisonError::into_inner);
            if side.len() >= lane.side_capacity || !lane.queue.has_room(&mut at.producer, 1) {
                return false;
            }
            // The input first: whoever sees the marker finds it.
            side.extend(input.take());
            lane.queue.push(&mut at.producer, tag, n, &[ticks])
        })
    }

    /// Queues a marker in the place of an input that cannot be sealed, so that its number is declared with the right reason.
    #[cold]
    fn offer_unfit(
        &self,
        gate: &Gate,
        at: &mut Position,
        n: u64,
        ticks: u64,
        refusal: Fate,
    ) -> Offer {
        let marked = self.insist(gate, at, n, |lane, at| {
            lane.queue.push(&mut at.producer, TAG_UNFIT, n, &[ticks])
        });
        if marked.is_queued() {
            self.answer(n, refusal)
        } else {
            marked
        }
    }

    /// Tries, under the policy of the log; counts what comes to nothing.
    #[cold]
    fn insist(
        &self,
        gate: &Gate,
        at: &mut Position,
        n: u64,
        mut attempt: impl FnMut(&Self, &mut Position) -> bool,
    ) -> Offer {
        let until = match gate.when_full() {
            WhenFull::Block(patience) => Some(after(patience)),
            WhenFull::Fail | WhenFull::DropAndCount => None,
        };
        loop {
            if !gate.is_open() {
                break;
            }
            if attempt(self, at) {
                self.nudge(gate, at);
                return self.answer(n, Fate::Queued);
            }
            match until {
                Some(until) if Instant::now() < until => gate.wait_for_room(until),
                _ => break,
            }
        }
        self.refuse(gate, n)
    }

    fn refuse(&self, gate: &Gate, n: u64) -> Offer {
        let fate = match (gate.state(), gate.when_full(), gate.on_failure()) {
            (State::Closing, ..) => Fate::Closed,
            (State::Failed, _, OnFailure::Refuse) => Fate::Failed,
            (State::Failed, _, OnFailure::DropAndCount) => Fate::Dropped,
            (State::Open, WhenFull::DropAndCount, _) => Fate::Dropped,
            (State::Open, ..) => Fate::Full,
        };
        let counter = if fate == Fate::Dropped {
            &self.counts.0.dropped
        } else {
            &self.counts.0.rejected
        };
        // One producer writes these, so a load and a store are an increment.
        counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        // Release: whoever sees this number sees every entry that was queued before it.
        self.counts.0.refused_n.store(n, Ordering::Release);
        gate.ring();
        self.answer(n, fate)
    }

    /// Wakes the sealer when much is waiting; once per eighth of a queue, not on every offer.
    #[inline]
    fn nudge(&self, gate: &Gate, at: &mut Position) {
        if self.queue.is_more_than_half_full(&mut at.producer) {
            let eighth = self.queue.capacity() / 8;
            let tail = at.producer.published();
            if tail - at.nudged >= eighth {
                at.nudged = tail;
                gate.ring();
            }
        }
    }

    #[inline]
    const fn answer(&self, n: u64, fate: Fate) -> Offer {
        Offer::new(self.index, fate, n)
    }

    /// The input that belongs to the marker just taken.
    pub(crate) fn take_side(&self) -> Option<Box<AuditInput>> {
        self.side
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    /// The last `n` that was taken.
    pub(crate) fn offered(&self) -> u64 {
        self.counts.0.offered.load(Ordering::Relaxed)
    }

    /// The last `n` that was refused; entries queued before it are visible to whoever reads this.
    pub(crate) fn refused_n(&self) -> u64 {
        self.counts.0.refused_n.load(Ordering::Acquire)
    }

    pub(crate) fn rejected(&self) -> u64 {
        self.counts.0.rejected.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.counts.0.dropped.load(Ordering::Relaxed)
    }

    /// Counts entries that the sealer has sealed.
    pub(crate) fn count_stored(&self, entries: u64) {
        self.marks.0.stored.fetch_add(entries, Ordering::Relaxed);
    }

    /// Counts entries that could not be sealed.
    pub(crate) fn count_invalid(&self, entries: u64) {
        self.marks.0.invalid.fetch_add(entries, Ordering::Relaxed);
    }

    pub(crate) fn invalid(&self) -> u64 {
        self.marks.0.invalid.load(Ordering::Relaxed)
    }

    pub(crate) fn stored(&self) -> u64 {
        self.marks.0.stored.load(Ordering::Relaxed)
    }

    /// Every entry up to `n` is in the file (or declared lost).
    pub(crate) fn mark_written(&self, n: u64) {
        self.marks.0.written.fetch_max(n, Ordering::Release);
    }

    /// Every entry up to `n` is on stable storage (or declared lost).
    pub(crate) fn mark_durable(&self, n: u64) {
        self.marks.0.durable.fetch_max(n, Ordering::Release);
    }

    pub(crate) fn written(&self) -> u64 {
        self.marks.0.written.load(Ordering::Acquire)
    }

    pub(crate) fn durable(&self) -> u64 {
        self.marks.0.durable.load(Ordering::Acquire)
    }
}

/// All lanes of a log: those of threads, made when first needed, and the one that is shared.
#[derive(Debug)]
pub(crate) struct Lanes {
    own: Box<[OnceLock<Arc<LaneQueue>>]>,
    queue_words: usize,
    free: Mutex<Free>,
    shared: Arc<LaneQueue>,
    shared_position: Mutex<Position>,
}

#[derive(Debug, Default)]
struct Free {
    returned: Vec<usize>,
    made: usize,
}

impl Lanes {
    pub(crate) fn new(most: usize, queue_words: usize) -> Self {
        let shared = Arc::new(LaneQueue::new(most, queue_words));
        let shared_position = Mutex::new(shared.position());
        Self {
            own: (0..most).map(|_| OnceLock::new()).collect(),
            queue_words,
            free: Mutex::default(),
            shared,
            shared_position,
        }
    }

    /// The lane with this index; the shared one follows the others.
    pub(crate) fn get(&self, index: usize) -> Option<&Arc<LaneQueue>> {
        if index == self.own.len() {
            return Some(&self.shared);
        }
        self.own.get(index)?.get()
    }

    /// Every lane that was ever used, in the order of their indices, the shared one last.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<LaneQueue>> {
        self.own
            .iter()
            .map_while(OnceLock::get)
            .chain(std::iter::once(&self.shared))
    }

    pub(crate) const fn shared(&self) -> &Arc<LaneQueue> {
        &self.shared
    }

    /// A lane that a thread handed back, else a new one, else none.
    fn claim(&self) -> Option<Arc<LaneQueue>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match free.returned.pop() {
            Some(index) => index,
            None if free.made < self.own.len() => {
                free.made += 1;
                free.made - 1
            }
            None => return None,
        };
        let lane =
            self.own[index].get_or_init(|| Arc::new(LaneQueue::new(index, self.queue_words)));
        Some(Arc::clone(lane))
    }

    fn hand_back(&self, lane: &LaneQueue) {
        self.free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .returned
            .push(lane.index);
    }

    fn with_shared(&self, offer: impl FnOnce(&LaneQueue, &mut Position) -> Offer) -> Offer {
        let mut position = self
            .shared_position
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        offer(&self.shared, &mut position)
    }
}

/// The part of a log that producers touch.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) gate: Gate,
    pub(crate) lanes: Lanes,
}

impl Intake {
    /// Offers through the shared lane.
    pub(crate) fn offer_shared(&self, words: &[u64]) -> Offer {
        self.lanes
            .with_shared(|lane, at| lane.offer(&self.gate, at, words))
    }

    /// Offers an input through the shared lane.
    pub(crate) fn offer_input_shared(&self, input: AuditInput, ticks: u64) -> Offer {
        self.lanes
            .with_shared(|lane, at| lane.offer_input(&self.gate, at, input, ticks))
    }
}

/// A claim on a lane: what one thread offers its entries through. Dropping it hands the lane back, and the next thread that
/// claims one goes on with its numbers.
#[derive(Debug)]
pub(crate) struct Claim {
    intake: Arc<Intake>,
    /// None when all lanes were claimed: then the shared one is used.
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    lane: Arc<LaneQueue>,
    /// A `RefCell`, so a claim stays on the thread that works with it. It is borrowed for one offer, which calls nobody
    /// else's code; copying it in and out of a `Cell` cost a third of the offer, in stalled loads.
    at: RefCell<Position>,
}

impl Claim {
    pub(crate) fn new(intake: Arc<Intake>) -> Self {
        let own = intake.lanes.claim().map(|lane| Own {
            at: RefCell::new(lane.position()),
            lane,
        });
        Self { intake, own }
    }

    pub(crate) const fn intake(&self) -> &Arc<Intake> {
        &self.intake
    }

    #[inline]
    pub(crate) fn offer(&self, words: &[u64]) -> Offer {
        let Some(own) = &self.own else {
            return self.intake.offer_shared(words);
        };
        own.lane
            .offer(&self.intake.gate, &mut own.at.borrow_mut(), words)
    }

    pub(crate) fn offer_input(&self, input: AuditInput, ticks: u64) -> Offer {
        let Some(own) = &self.own else {
            return self.intake.offer_input_shared(input, ticks);
        };
        own.lane
            .offer_input(&self.intake.gate, &mut own.at.borrow_mut(), input, ticks)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(own) = &self.own {
            self.intake.lanes.hand_back(&own.lane);
        }
    }
}
