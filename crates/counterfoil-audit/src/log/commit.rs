//! Group commit: written batches wait here until one sync makes them durable together.
//!
//! The sealer pushes a batch once its bytes are in the file. The committer takes what waits for one segment, syncs that
//! file, and only then moves the durable marks of the lanes, which is what resolves tickets. Batches stay in memory until
//! then, so that the lines of a segment whose sync fails can be appended elsewhere, byte for byte.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use counterfoil_core::{ChainId, Digest, Head, names};
use counterfoil_merkle::CompactRange;

use crate::log::desk::AnchorDesk;
use crate::log::files::LogFile;
use crate::log::segment::{Segment, SyncedNote};
use crate::log::shared::Shared;
use crate::log::waiters::Stage;

/// Lines that were written together.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) segment: Arc<Segment>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) last_seq: u64,
    pub(crate) last_hash: Digest,
    pub(crate) records: usize,
    /// When it was written.
    pub(crate) at: Instant,
    /// By lane: the last number that this batch accounts for.
    pub(crate) marks: Vec<(usize, u64)>,
    /// The head at its end and the tree under it, when an anchor is due.
    pub(crate) head: Option<(Head, CompactRange)>,
    /// The hashes of its records.
    pub(crate) hashes: Vec<Digest>,
}

#[derive(Debug)]
pub(crate) struct CommitQueue {
    inner: Mutex<Inner>,
    changed: Condvar,
    poisoned: AtomicBool,
    delay: Duration,
    enough: usize,
}

#[derive(Debug, Default)]
struct Inner {
    batches: VecDeque<Batch>,
    bytes: usize,
    records: usize,
    /// The committer is at work on the oldest batches.
    syncing: bool,
    /// The segments that must not be synced again, by their first record, and why: what is on stable storage beyond the
    /// durable length of one is unknown. There may be several: a sync fails while a write to the next segment does.
    poisons: BTreeMap<u64, String>,
    /// What waits is to be synced at once, whatever the delay.
    hurried: bool,
    finishing: bool,
    stopped: bool,
    /// Buffers to be used again.
    spare: Vec<Vec<u8>>,
}

impl Inner {
    fn bars(&self, batch: &Batch) -> bool {
        self.poisons.contains_key(&batch.segment.first)
    }
}

/// What has to be appended again.
pub(crate) struct PoisonedTail {
    pub(crate) segment: Arc<Segment>,
    pub(crate) why: String,
    pub(crate) bytes: Vec<u8>,
}

impl CommitQueue {
    /// Syncs at the latest `delay` after the first batch, or once `enough` bytes wait.
    pub(crate) fn new(delay: Duration, enough: usize) -> Self {
        Self {
            inner: Mutex::default(),
            changed: Condvar::new(),
            poisoned: AtomicBool::new(false),
            delay,
            enough,
        }
    }

    /// Hands over a batch that is in the file; or that is not, because of `failure`: then nothing of its segment may be
    /// synced any more, and that has to be known before the committer sees the batch.
    pub(crate) fn push(&self, batch: Batch, failure: Option<String>) {
        let mut inner = self.lock();
        if let Some(why) = failure {
            self.poison(&mut inner, batch.segment.first, why);
        }
        inner.bytes += batch.bytes.len();
        inner.records += batch.records;
        inner.batches.push_back(batch);
        drop(inner);
        self.changed.notify_one();
    }

    /// Bytes that are written and not synced.
    pub(crate) fn unsynced_bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Whether everything that was pushed is synced.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().batches.is_empty()
    }

    /// Records that are written and not synced.
    pub(crate) fn unsynced_records(&self) -> usize {
        self.lock().records
    }

    /// A buffer for the next batch.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        self.lock().spare.pop().unwrap_or_default()
    }

    /// Somebody waits for durability.
    pub(crate) fn hurry(&self) {
        // Under the lock: a committer that has looked and does not sleep yet would miss it, and sleep for the whole delay.
        drop(self.lock());
        self.changed.notify_one();
    }

    /// What was pushed is synced without waiting for company.
    pub(crate) fn sync_at_once(&self) {
        self.lock().hurried = true;
        self.changed.notify_one();
    }

    /// No batch will come any more; the committer ends when it has synced all.
    pub(crate) fn finish(&self) {
        self.lock().finishing = true;
        self.changed.notify_one();
    }

    /// The committer is to end at once.
    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_one();
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    fn poison(&self, inner: &mut Inner, first: u64, why: String) {
        // The first reason is the one to report.
        inner.poisons.entry(first).or_insert(why);
        self.poisoned.store(true, Ordering::Release);
    }

    /// What is to be saved of the oldest poisoned segment. Waits for the committer to put down what it has in hand, so that nothing
    /// becomes durable while it is being replaced.
    pub(crate) fn poisoned_tail(&self) -> Option<PoisonedTail> {
        let mut inner = self.lock();
        while inner.syncing {
            inner = self.wait(inner, Duration::from_millis(1));
        }
        let (first, why) = inner.poisons.first_key_value()?;
        let mut batches = inner
            .batches
            .iter()
            .filter(|batch| batch.segment.first == *first)
            .peekable();
        let segment = Arc::clone(&batches.peek()?.segment);
        let bytes = batches.flat_map(|batch| &batch.bytes).copied().collect();
        Some(PoisonedTail {
            segment,
            why: why.clone(),
            bytes,
        })
    }

    /// Puts `segment` in the place of the poisoned one, and no other, and lets the committer go on. It syncs the new file once more before
    /// it acknowledges: one way for a record to become durable is enough.
    pub(crate) fn mend(&self, segment: &Arc<Segment>) {
        let mut inner = self.lock();
        for batch in &mut inner.batches {
            if batch.segment.first == segment.first {
                batch.segment = Arc::clone(segment);
            }
        }
        inner.poisons.remove(&segment.first);
        self.poisoned
            .store(!inner.poisons.is_empty(), Ordering::Release);
        drop(inner);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, inner: MutexGuard<'a, Inner>, patience: Duration) -> MutexGuard<'a, Inner> {
        self.changed
            .wait_timeout(inner, patience)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

/// The thread that syncs.
pub(crate) struct Committer {
    shared: Arc<Shared>,
    anchors: Arc<AnchorDesk>,
    /// Where the synced mark is noted.
    lock_file: Box<dyn LogFile>,
    durable: Durable,
    last_sync: Duration,
    /// Tickets that the last commit resolved.
    woken: usize,
}

/// What the durable head is made of, should it have to be anchored out of turn.
pub(crate) struct Durable {
    pub(crate) chain: ChainId,
    pub(crate) last: Option<SyncedNote>,
    pub(crate) tree: CompactRange,
    /// Hashes that are not in the tree yet. As a rule they never come in, for the next anchor brings a tree of its own.
    pub(crate) pending: Vec<Digest>,
}

impl Durable {
    const MOST_PENDING: usize = 16_384;

    fn grow(&mut self, batch: &Batch) {
        if let Some((_, tree)) = &batch.head {
            self.tree.clone_from(tree);
            self.pending.clear();
            return;
        }
        self.pending.extend(&batch.hashes);
        if self.pending.len() >= Self::MOST_PENDING {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.tree.extend(&self.pending);
        self.pending.clear();
    }

    /// `None` before the first commit.
    fn head(&mut self) -> Option<Head> {
        self.settle();
        self.last.map(|last| Head {
            chain: self.chain.clone(),
            seq: last.seq,
            hash: last.hash,
            root: Some(self.tree.root()),
        })
    }
}

impl Committer {
    pub(crate) const fn new(
        shared: Arc<Shared>,
        anchors: Arc<AnchorDesk>,
        lock_file: Box<dyn LogFile>,
        durable: Durable,
    ) -> Self {
        Self {
            shared,
            anchors,
            lock_file,
            durable,
            last_sync: Duration::ZERO,
            woken: 0,
        }
    }

    /// Commits until the queue is finished or stopped.
    pub(crate) fn run(&mut self) {
        let shared = Arc::clone(&self.shared);
        while let Some((segment, batches)) = self.next_group(&shared.commit) {
            let begun = Instant::now();
            let outcome = sync(&segment);
            self.last_sync = begun.elapsed();
            match outcome {
                Ok(()) => self.publish(&shared, batches),
                // The sealer mends it: it knows where to write on.
                Err(why) => {
                    let mut inner = shared.commit.lock();
                    shared.commit.poison(&mut inner, segment.first, why);
                    // It was due, and so is the sync of what replaces it.
                    inner.hurried = true;
                }
            }
            shared.commit.lock().syncing = false;
            shared.intake.gate.ring();
        }
        // No other anchor will come, so that what was acknowledged is vouched for while the disk is repaired.
        if shared.has_failed()
            && let Some(head) = self.durable.head()
        {
            shared.set_head(head.clone());
            self.anchors.submit(head);
        }
    }

    /// Waits until a sync is due; the segment, and how many batches wait for it. `None` at the end.
    fn next_group(&self, queue: &CommitQueue) -> Option<(Arc<Segment>, usize)> {
        let mut inner = queue.lock();
        loop {
            if inner.stopped || inner.finishing && inner.batches.is_empty() {
                return None;
            }
            let oldest = match inner.batches.front() {
                Some(oldest) if !inner.bars(oldest) => oldest,
                _ => {
                    inner = queue.wait(inner, Duration::from_secs(1));
                    continue;
                }
            };
            let due = oldest.at + self.patience(queue, &inner);
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let segment = Arc::clone(&oldest.segment);
                let batches = inner
                    .batches
                    .iter()
                    .take_while(|batch| Arc::ptr_eq(&batch.segment, &segment))
                    .count();
                inner.syncing = true;
                // Another segment's batches may be behind these, and hurried as well.
                inner.hurried &= batches < inner.batches.len();
                return Some((segment, batches));
            }
            inner = queue.wait(inner, left);
        }
    }

    /// How long the oldest batch may wait for company.
    ///
    /// Nobody waiting: the whole delay, so that a quiet log syncs rarely. Somebody waiting: no time at all, unless the last
    /// commit released more than wait now. They are about to append again, and leaving without them would make each of them
    /// wait for two syncs: then up to half the time of a sync.
    fn patience(&self, queue: &CommitQueue, inner: &Inner) -> Duration {
        if inner.finishing || inner.hurried || inner.bytes >= queue.enough {
            return Duration::ZERO;
        }
        if self.shared.waiters.waiting(Stage::Durable) == 0
            && !inner.batches.iter().any(|batch| batch.head.is_some())
        {
            return queue.delay;
        }
        if inner.records >= self.woken {
            return Duration::ZERO;
        }
        queue.delay.min(self.last_sync / 2)
    }

    /// Everything that may happen only after the sync.
    fn publish(&mut self, shared: &Shared, count: usize) {
        let done = take_front(&shared.commit, count);
        // Before anybody is told: when the process is killed, the next opening takes nothing that was acknowledged for a torn
        // tail.
        if let Some(last) = done.iter().rfind(|batch| batch.records > 0) {
            let note = SyncedNote {
                seq: last.last_seq,
                hash: last.last_hash,
            };
            self.durable.last = Some(note);
            // A hint for the next opening: without it, that opening trusts less, and nothing else changes.
            self.lock_file.overwrite(0, note.to_text().as_bytes()).ok();
            shared
                .progress
                .durable_seq
                .store(note.seq, Ordering::Release);
        }
        let mut head = None;
        for batch in &done {
            for (index, n) in &batch.marks {
                if let Some(lane) = shared.intake.lanes.get(*index) {
                    lane.mark_durable(*n);
                }
            }
            batch.segment.grew_durable(batch.bytes.len() as u64);
            self.durable.grow(batch);
            head = batch.head.as_ref().map(|(head, _)| head.clone()).or(head);
        }
        let nanos = u64::try_from(self.last_sync.as_nanos()).unwrap_or(u64::MAX);
        let progress = &shared.progress;
        progress.syncs.fetch_add(1, Ordering::Relaxed);
        progress.sync_nanos.fetch_add(nanos, Ordering::Relaxed);
        let seconds = self.last_sync.as_secs_f64();
        let bucket = names::LATENCY_SECONDS.partition_point(|bound| *bound < seconds);
        progress.syncs_by_latency[bucket].fetch_add(1, Ordering::Relaxed);
        progress
            .longest_sync_nanos
            .fetch_max(nanos, Ordering::Relaxed);
        self.woken = shared.wake(Stage::Durable);
        if let Some(head) = &head {
            shared.set_head(head.clone());
        }
        let hashes = done.iter().map(|batch| &batch.hashes[..]);
        self.anchors.leave(hashes, head);
        shared.tell();
        give_back(&shared.commit, done);
    }
}

/// Syncs, and makes sure that what was synced is what the next opening will find.
fn sync(segment: &Segment) -> Result<(), String> {
    let first = segment.first;
    segment
        .file
        .sync()
        .map_err(|error| format!("segment {first} could not be synced ({error})"))?;
    match segment.file.is_in_place() {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!(
            "segment {first} was removed or replaced by somebody"
        )),
        Err(error) => Err(format!("segment {first} could not be looked up ({error})")),
    }
}

fn take_front(queue: &CommitQueue, count: usize) -> Vec<Batch> {
    let mut inner = queue.lock();
    let done: Vec<Batch> = inner.batches.drain(..count).collect();
    inner.bytes -= done.iter().map(|batch| batch.bytes.len()).sum::<usize>();
    inner.records -= done.iter().map(|batch| batch.records).sum::<usize>();
    done
}

fn give_back(queue: &CommitQueue, done: Vec<Batch>) {
    const KEPT: usize = 8;
    let mut inner = queue.lock();
    for batch in done {
        if inner.spare.len() < KEPT {
            let mut buffer = batch.bytes;
            buffer.clear();
            inner.spare.push(buffer);
        }
    }
}
