//! The blocks of a registry, and which of their cells are taken.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use counterfoil_core::names::BOUNDS_MAX;
use counterfoil_core::{Clock, TraceContext};

use crate::block::{Block, CHUNK, CHUNKS, Chunk};
use crate::exemplars::Exemplars;
use crate::exponential::CELLS;

/// Cells that a histogram has beside those of its buckets: sum, over the ceiling, refused.
pub(crate) const HISTOGRAM_EXTRA: usize = 3;
/// The first cells of every block take what is counted when no cell is left; nobody reads them.
const SPILL: usize = {
    let histogram = BOUNDS_MAX + 1 + HISTOGRAM_EXTRA;
    if histogram > CELLS { histogram } else { CELLS }
};

static NEXT_ID: AtomicU64 = AtomicU64::new(1);
/// Blocks of registries that ended, all zero.
static RETIRED: Mutex<Vec<&'static Block>> = Mutex::new(Vec::new());

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is done under these locks can leave the data half-changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct Arena {
    /// Never used twice in a process, so a stale look-up can never match.
    pub(crate) id: u64,
    blocks: Mutex<Blocks>,
    room: Mutex<Room>,
    /// For calls from threads whose thread-local is gone.
    shared: OnceLock<&'static Block>,
    /// Which snapshot's exemplars are being collected, from 1 on.
    round: AtomicU64,
    /// What exemplars are stamped with.
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Blocks {
    all: Vec<&'static Block>,
    /// Those whose thread ended. Their values stay: the next owner counts on.
    free: Vec<&'static Block>,
}

struct Room {
    next: usize,
    /// Cells of dropped series by length: zeroed, ready for the next series of that length.
    holes: BTreeMap<usize, Vec<usize>>,
}

impl Arena {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            id: NEXT_ID.fetch_add(1, Relaxed),
            blocks: Mutex::default(),
            room: Mutex::new(Room {
                next: SPILL,
                holes: BTreeMap::new(),
            }),
            shared: OnceLock::new(),
            round: AtomicU64::new(1),
            clock,
        })
    }

    /// Has the exemplars replaced that a snapshot is about to show.
    pub(crate) fn begin_round(&self) {
        self.round.fetch_add(1, Relaxed);
    }

    /// Offers a value for slot `at` of a series.
    #[inline]
    pub(crate) fn offer(
        &self,
        exemplars: &Exemplars,
        at: usize,
        value: impl FnOnce() -> f64,
        trace: &TraceContext,
    ) {
        exemplars.offer(self.round.load(Relaxed), at, value, trace, &*self.clock);
    }

    /// A block for one owner: one that was handed back, or another.
    pub(crate) fn adopt(&self) -> &'static Block {
        let mut blocks = lock(&self.blocks);
        if let Some(block) = blocks.free.pop() {
            return block;
        }
        let block = lock(&RETIRED).pop().unwrap_or_else(Block::leaked);
        blocks.all.push(block);
        block
    }

    /// Takes a block back from its owner, who writes to it no more.
    pub(crate) fn hand_back(&self, block: &'static Block) {
        lock(&self.blocks).free.push(block);
    }

    pub(crate) fn shared(&self) -> &'static Block {
        self.shared
            .get_or_init(|| lock(&RETIRED).pop().unwrap_or_else(Block::leaked))
    }

    /// Every block that may hold something.
    pub(crate) fn blocks(&self) -> Vec<&'static Block> {
        let mut blocks = lock(&self.blocks).all.clone();
        blocks.extend(self.shared.get());
        blocks
    }

    /// Takes `len` adjacent cells, all zero.
    pub(crate) fn allocate(self: &Arc<Self>, len: usize) -> Cells {
        let first = lock(&self.room).take(len);
        Cells {
            spot: Spot::new(self.id, first.unwrap_or(0)),
            arena: Arc::clone(self),
            len,
        }
    }

    fn zero(&self, spot: Spot, len: usize) {
        for block in self.blocks() {
            if let Some(chunk) = block.existing(spot.chunk()) {
                for at in 0..len {
                    chunk.cell(spot.at(at)).store(0, Relaxed);
                }
            }
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // Series hold the arena, so they are gone and have zeroed what they had; the spill remains.
        self.zero(Spot::new(self.id, 0), SPILL);
        lock(&RETIRED).extend(self.blocks());
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Room {
    fn take(&mut self, len: usize) -> Option<usize> {
        if let Some(first) = self.holes.get_mut(&len).and_then(Vec::pop) {
            return Some(first);
        }
        if self.next % CHUNK + len > CHUNK {
            self.next = self.next.next_multiple_of(CHUNK);
        }
        let first = self.next;
        (first + len <= CHUNK * CHUNKS).then(|| {
            self.next += len;
            first
        })
    }
}

/// Where a series' first cell is, and in which registry's blocks. Two plain numbers, so that it travels in registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub(crate) id: u64,
    first: u32,
}

impl Spot {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an arena has fewer than 2^20 cells"
    )]
    const fn new(id: u64, first: usize) -> Self {
        Self {
            id,
            first: first as u32,
        }
    }

    /// The number of the chunk.
    #[inline]
    pub(crate) const fn chunk(self) -> usize {
        self.first as usize / CHUNK
    }

    /// Position in its chunk of the series' cell number `offset`.
    #[inline]
    pub(crate) const fn at(self, offset: usize) -> usize {
        self.first as usize % CHUNK + offset
    }
}

/// Adjacent cells that belong to a series. They are zeroed in every block and free again when the series is dropped.
///
/// That is safe because a series is written through handles only, and every handle keeps it alive: when it is dropped, all
/// writes to its cells are over and, by the release and acquire in `Arc`, seen.
#[derive(Debug)]
pub(crate) struct Cells {
    spot: Spot,
    arena: Arc<Arena>,
    len: usize,
}

impl Cells {
    pub(crate) const fn spot(&self) -> Spot {
        self.spot
    }

    pub(crate) const fn arena(&self) -> &Arc<Arena> {
        &self.arena
    }

    /// Whether no cell was left and what is counted goes nowhere.
    pub(crate) const fn is_spill(&self) -> bool {
        self.spot.first == 0
    }
}

impl Drop for Cells {
    fn drop(&mut self) {
        if self.is_spill() || self.len == 0 {
            return;
        }
        self.arena.zero(self.spot, self.len);
        lock(&self.arena.room)
            .holes
            .entry(self.len)
            .or_default()
            .push(self.spot.first as usize);
    }
}

/// Reads cells of all blocks, remembering which of them have which chunk.
pub(crate) struct Reader {
    blocks: Vec<&'static Block>,
    /// By number.
    chunks: Vec<Option<Vec<&'static Chunk>>>,
}

impl Reader {
    pub(crate) fn new(arena: &Arena) -> Self {
        Self {
            blocks: arena.blocks(),
            chunks: Vec::new(),
        }
    }

    /// This chunk of every block that has it.
    pub(crate) fn chunks(&mut self, number: usize) -> &[&'static Chunk] {
        if self.chunks.len() <= number {
            self.chunks.resize(number + 1, None);
        }
        self.chunks[number].get_or_insert_with(|| {
            let existing = self.blocks.iter().filter_map(|it| it.existing(number));
            existing.collect()
        })
    }
}
