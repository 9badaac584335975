//! The buffer: the pool of rings, its clock, and what may be asked of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use counterfoil_core::{
    Clock, Context, EVENT_WORDS, EventWords, FabricEvent, NameCheck, Redact, Redactor, SystemClock,
    Ticks, Timestamp,
};

use crate::error::{Error, ErrorKind};
use crate::filter::Filter;
use crate::pool::Pool;
use crate::ring::{Ring, Slot};
use crate::snapshot::Snapshot;
use crate::writer::{RingWriter, push_here};

/// The most recent events of the process, bounded and lossy: the oldest are overwritten, and exactly counted.
///
/// Each thread writes a ring of its own, so pushing neither locks nor allocates nor writes a shared cache line; the exceptions
/// are a thread's first event, and threads beyond the number of rings, which share one behind a mutex. Clones are handles on
/// the same buffer.
///
/// **Memory** is at most [`memory_bound`](Self::memory_bound) = `(rings + 1) × (ring capacity × 192 + 128)` bytes. A ring is
/// allocated with the first event of its thread; the one more than `rings` is shared by the threads that find all others
/// taken. When a thread ends its ring stays readable, and is given to the next thread that needs one.
#[derive(Clone, Debug)]
pub struct EventRingBuffer {
    pool: Arc<Pool<EVENT_WORDS>>,
    clock: Arc<dyn Clock>,
    created: Ticks,
    missed: Arc<AtomicU64>,
    names: Arc<NameCheck>,
}

impl EventRingBuffer {
    /// A buffer with the default settings and the machine's clock.
    #[must_use]
    pub fn new() -> Self {
        EventRingBufferBuilder::default().with_checked_settings()
    }

    /// Chooses size and clock.
    #[must_use]
    pub fn builder() -> EventRingBufferBuilder {
        EventRingBufferBuilder::default()
    }

    /// Stamps the event and pushes it into this thread's ring.
    #[inline]
    pub fn push(&self, event: &FabricEvent, context: &Context) {
        self.push_words(&EventWords::encode(event, context, self.clock.ticks()));
    }

    /// Pushes an event that was encoded already into this thread's ring. Its ticks must come from this buffer's
    /// [`clock`](Self::clock), or its place in time order is wrong.
    ///
    /// Never fails and never panics, not even from the destructor of a thread-local.
    #[inline]
    pub fn push_words(&self, words: &EventWords) {
        push_here(&self.pool, &self.clock, words);
    }

    /// A writer for one thread to keep, which saves the look-up that [`push`](Self::push) makes.
    #[must_use]
    pub fn writer(&self) -> RingWriter {
        RingWriter::new(Arc::downgrade(&self.pool), Arc::clone(&self.clock))
    }

    /// Every event that the rings still hold, in time order. Consumes nothing and holds up no writer.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.matching(&Filter::new())
    }

    /// The events at `time` or later.
    #[must_use]
    pub fn since(&self, time: Timestamp) -> Snapshot {
        self.matching(&Filter::new().since(time))
    }

    /// The events from `window` before `time` to `window` after it.
    #[must_use]
    pub fn around(&self, time: Timestamp, window: Duration) -> Snapshot {
        let nanos = time.unix_nanos();
        let window = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX);
        let filter = Filter::new()
            .since(Timestamp::from_unix_nanos(nanos.saturating_sub(window)))
            .until(Timestamp::from_unix_nanos(nanos.saturating_add(window)));
        self.matching(&filter)
    }

    /// The events that have every key of `filter`.
    #[must_use]
    pub fn matching(&self, filter: &Filter) -> Snapshot {
        Snapshot::take(&self.pool, &self.clock, self.created, filter, &self.names)
    }

    /// How many events were ever pushed.
    #[must_use]
    pub fn offered(&self) -> u64 {
        self.sum(|_, head| head)
    }

    /// How many of them were overwritten by later ones.
    #[must_use]
    pub fn overwritten(&self) -> u64 {
        self.sum(|ring, head| ring.oldest(head))
    }

    /// How many went through the shared ring. When this grows the pool has fewer rings than the process has threads.
    #[must_use]
    pub fn shared(&self) -> u64 {
        self.pool.shared_offered()
    }

    /// How many events drains have missed, because they were overwritten before a pass came; each drain counts for itself.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    pub(crate) fn count_missed(&self, events: u64) {
        self.missed.fetch_add(events, Ordering::Relaxed);
    }

    /// How many events it holds now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sum(|ring, head| head - ring.oldest(head)) as usize
    }

    /// Whether nothing was pushed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many events it holds at most, with every ring in use. One thread alone fills
    /// [`ring_capacity`](Self::ring_capacity) of them.
    #[must_use]
    pub fn capacity(&self) -> usize {
        (self.pool.limit() + 1) * self.pool.ring_capacity()
    }

    /// How many events one thread's ring holds.
    #[must_use]
    pub fn ring_capacity(&self) -> usize {
        self.pool.ring_capacity()
    }

    /// The most memory that the rings can take, in bytes.
    #[must_use]
    pub fn memory_bound(&self) -> usize {
        let ring = self.pool.ring_capacity() * size_of::<Slot<EVENT_WORDS>>()
            + size_of::<Ring<EVENT_WORDS>>();
        (self.pool.limit() + 1) * ring
    }

    /// The clock that events are stamped with.
    #[must_use]
    pub const fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(crate) fn names(&self) -> &NameCheck {
        &self.names
    }

    pub(crate) const fn pool(&self) -> &Arc<Pool<EVENT_WORDS>> {
        &self.pool
    }

    fn sum(&self, of: impl Fn(&Ring<EVENT_WORDS>, u64) -> u64) -> u64 {
        let rings = self.pool.rings();
        rings.iter().map(|ring| of(ring, ring.head())).sum()
    }
}

impl Default for EventRingBuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// Settings of an [`EventRingBuffer`].
#[derive(Clone, Debug)]
pub struct EventRingBufferBuilder {
    ring_capacity: usize,
    rings: usize,
    clock: Option<Arc<dyn Clock>>,
    policy: Option<Arc<dyn Redact>>,
}

impl EventRingBufferBuilder {
    /// Most events that a ring may hold.
    pub const MAX_RING_CAPACITY: usize = 1 << 24;
    /// Most rings that a pool may have.
    pub const MAX_RINGS: usize = 1 << 16;

    /// How many events each thread's ring holds: a power of two, 4 096 unless told. Choose it so that the longest window
    /// you want to look back on fits in.
    #[must_use]
    pub const fn ring_capacity(mut self, events: usize) -> Self {
        self.ring_capacity = events;
        self
    }

    /// How many threads at a time have a ring of their own: 64 unless told.
    #[must_use]
    pub const fn rings(mut self, rings: usize) -> Self {
        self.rings = rings;
        self
    }

    /// Where time comes from: [`SystemClock`] unless told.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Replaces what must not leave in the names of events when they are read, whether by a snapshot or by a drain:
    /// the default [`Redactor`] unless told. What is pushed is not looked at.
    #[must_use]
    pub fn redact(mut self, policy: impl Redact) -> Self {
        self.policy = Some(Arc::new(policy));
        self
    }

    /// Builds the buffer. Nothing but a few words is allocated yet.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when the ring capacity is no power of two up to
    /// [`MAX_RING_CAPACITY`](Self::MAX_RING_CAPACITY), or the number of rings is not 1 to [`MAX_RINGS`](Self::MAX_RINGS).
    pub fn build(self) -> Result<EventRingBuffer, Error> {
        let refuse = |context| {
            Err(Error::new(
                ErrorKind::InvalidConfig,
                "build an event ring buffer",
                context,
            ))
        };
        if !self.ring_capacity.is_power_of_two() || self.ring_capacity > Self::MAX_RING_CAPACITY {
            return refuse(format!(
                "a ring capacity of {} is not a power of two from 1 to {}; take {}",
                self.ring_capacity,
                Self::MAX_RING_CAPACITY,
                self.ring_capacity
                    .min(Self::MAX_RING_CAPACITY)
                    .next_power_of_two()
            ));
        }
        if !(1..=Self::MAX_RINGS).contains(&self.rings) {
            return refuse(format!(
                "{} rings are not from 1 to {}",
                self.rings,
                Self::MAX_RINGS
            ));
        }
        Ok(self.with_checked_settings())
    }

    fn with_checked_settings(self) -> EventRingBuffer {
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        let policy = self.policy.unwrap_or_else(|| Arc::new(Redactor::new()));
        EventRingBuffer {
            names: Arc::new(NameCheck::new(policy)),
            pool: Arc::new(Pool::new(self.ring_capacity, self.rings)),
            created: clock.ticks(),
            clock,
            missed: Arc::default(),
        }
    }
}

impl Default for EventRingBufferBuilder {
    fn default() -> Self {
        Self {
            ring_capacity: 4_096,
            rings: 64,
            clock: None,
            policy: None,
        }
    }
}
