//! A machine, the anchor store that lies elsewhere, and the one clock of both.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use counterfoil_anchor::{Anchor, AnchorStore, Error, MemoryAnchorStore};
use counterfoil_core::{ChainId, Clock, Head, Ticks, Timestamp};
use counterfoil_testkit::block_on;
use counterfoil_testkit::files::MemFiles;

use crate::log_support::BASE;

/// What a process finds when it starts, and what it goes on changing.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) files: MemFiles,
    pub(super) anchors: Arc<Anchors>,
    pub(super) clock: Arc<OneClock>,
    /// Each process is another instance.
    pub(super) instance: u64,
    /// The last lease that was recorded.
    pub(super) lease: u64,
}

impl World {
    pub(super) fn empty() -> Self {
        Self::of(MemFiles::default(), None, 1_000_000, 0, 0)
    }

    pub(super) fn of(
        files: MemFiles,
        anchor: Option<&Anchor>,
        ticks: u64,
        instance: u64,
        lease: u64,
    ) -> Self {
        let stored = MemoryAnchorStore::new();
        if let Some(anchor) = anchor {
            block_on(stored.advance(&anchor.head().chain, None, anchor)).unwrap();
        }
        Self {
            anchors: Arc::new(Anchors {
                files: files.clone(),
                stored,
                advances: Mutex::default(),
                early: AtomicBool::new(false),
            }),
            files,
            clock: Arc::new(OneClock(AtomicU64::new(ticks))),
            instance,
            lease,
        }
    }

    /// Later than anything that happened in it.
    pub(super) fn clock_after(&self) -> u64 {
        self.clock.ticks().0 + 1_000_000
    }

    /// The anchor that is stored now.
    pub(super) fn anchor(&self) -> Option<Anchor> {
        block_on(self.anchors.stored.load(&ChainId::first(BASE).unwrap())).unwrap()
    }
}

/// An anchor store that notes after which operation on the files it was advanced.
#[derive(Debug)]
pub(super) struct Anchors {
    files: MemFiles,
    stored: MemoryAnchorStore,
    advances: Mutex<Vec<(u64, Anchor)>>,
    /// A planted bug: it answers at once, and stores later.
    early: AtomicBool,
}

impl Anchors {
    /// From now on it answers before it has stored anything.
    pub(super) fn answer_early(&self) {
        self.early.store(true, Ordering::SeqCst);
    }

    /// Each anchor since the process began, and how many operations came before it.
    pub(super) fn advances(&self) -> Vec<(u64, Anchor)> {
        self.advances.lock().unwrap().clone()
    }
}

#[async_trait]
impl AnchorStore for Anchors {
    async fn load(&self, chain: &ChainId) -> Result<Option<Anchor>, Error> {
        self.stored.load(chain).await
    }

    async fn advance(
        &self,
        chain: &ChainId,
        expected: Option<&Head>,
        next: &Anchor,
    ) -> Result<Anchor, Error> {
        let stored = self.stored.advance(chain, expected, next).await?;
        let late = if self.early.load(Ordering::SeqCst) {
            LATE
        } else {
            0
        };
        let noted = (self.files.operations() + late, stored.clone());
        self.advances.lock().unwrap().push(noted);
        Ok(stored)
    }
}

/// By how many operations the store that answers early is late.
const LATE: u64 = 8;

/// Ticks and wall clock are one reading, so that nobody ever sees one of them moved and the other not.
#[derive(Debug)]
pub(super) struct OneClock(AtomicU64);

impl OneClock {
    const START: u64 = 1_767_225_600_000_000_000;

    pub(super) fn step(&self) {
        self.0.fetch_add(1_000_000, Ordering::SeqCst);
    }
}

impl Clock for OneClock {
    fn ticks(&self) -> Ticks {
        Ticks(self.0.load(Ordering::SeqCst))
    }

    fn utc(&self) -> Timestamp {
        Timestamp::from_unix_nanos(Self::START + self.0.load(Ordering::SeqCst))
    }
}
