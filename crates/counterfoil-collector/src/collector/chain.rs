//! A registered chain, as all threads see it.

use std::sync::Arc;

use counterfoil::{ChainId, Head};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::collector::figures::{Figures, TenantFigures};
use crate::collector::quarantine::Quarantine;
use crate::{ChainEntry, TenantName};

/// A registered chain.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) entry: ChainEntry,
    pub(crate) tenant: Arc<Tenant>,
    /// The worker that it always goes to.
    pub(crate) worker: usize,
    pub(crate) quarantine: Mutex<Quarantine>,
    state: Mutex<State>,
}

/// What is known of what is kept.
#[derive(Clone, Debug, Default)]
struct State {
    /// It was opened once, so the rest is known.
    opened: bool,
    durable: Option<Head>,
    bytes: u64,
    /// Size of the largest checkpoint that was cosigned.
    cosigned: u64,
    /// It could not be opened the last time.
    failed: bool,
}

impl Chain {
    pub(crate) fn new(
        entry: ChainEntry,
        tenant: Arc<Tenant>,
        worker: usize,
        quarantine: Quarantine,
    ) -> Self {
        tenant
            .figures
            .chains
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Self {
            entry,
            tenant,
            worker,
            quarantine: Mutex::new(quarantine),
            state: Mutex::default(),
        }
    }

    pub(crate) const fn id(&self) -> &ChainId {
        &self.entry.chain
    }

    /// The last durable record; `Err` before the chain was opened for the first time.
    pub(crate) fn durable(&self) -> Result<Option<Head>, NotOpened> {
        let state = self.state.lock();
        if state.opened {
            Ok(state.durable.clone())
        } else {
            Err(NotOpened)
        }
    }

    /// How far it is durable, for an answer; 0 before the first record.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.state
            .lock()
            .durable
            .as_ref()
            .map_or(0, |head| head.seq)
    }

    /// Takes over what is durable and how much is kept.
    pub(crate) fn set(&self, durable: Option<Head>, bytes: u64) {
        use std::sync::atomic::Ordering::Relaxed;
        let mut state = self.state.lock();
        let before = std::mem::replace(&mut state.bytes, bytes);
        state.opened = true;
        state.failed = false;
        state.durable = durable;
        drop(state);
        let total = &self.tenant.figures.bytes;
        total.fetch_add(bytes, Relaxed);
        total.fetch_sub(before, Relaxed);
    }

    /// It could not be opened.
    pub(crate) fn set_failed(&self) {
        self.state.lock().failed = true;
    }

    /// Whether it could not be opened the last time.
    pub(crate) fn has_failed(&self) -> bool {
        self.state.lock().failed
    }

    /// Whether a checkpoint of this size may be cosigned now: a witness never cosigns less than it did before. Remembers it.
    pub(crate) fn may_cosign(&self, size: u64) -> bool {
        let mut state = self.state.lock();
        if size < state.cosigned {
            return false;
        }
        state.cosigned = size;
        true
    }
}

/// The chain was not opened yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotOpened;

/// A tenant that has registered something.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) name: TenantName,
    pub(crate) figures: Arc<TenantFigures>,
    /// One permit per byte that it may have in flight.
    pub(crate) room: Arc<Semaphore>,
}

/// Bytes in flight, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) bytes: u64,
    pub(crate) figures: Arc<Figures>,
    pub(crate) _of_tenant: OwnedSemaphorePermit,
    pub(crate) _of_all: OwnedSemaphorePermit,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        use std::sync::atomic::Ordering::Relaxed;
        self.figures.in_flight.fetch_sub(self.bytes, Relaxed);
    }
}
