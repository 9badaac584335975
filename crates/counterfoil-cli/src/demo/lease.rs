//! A lease as its holder has it and as the manager keeps it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use counterfoil::{Context, FabricError, LeaseId, OpType, ResourceType, Ticks};

use super::resources::{Fault, Resource};
use super::rng::Rng;

/// What a holder asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) kind: ResourceType,
    /// Bytes of memory or storage; ignored for processor slices.
    pub(crate) bytes: u64,
    pub(crate) ttl: Duration,
    /// Under pressure a request takes the place of a lease of lower priority.
    pub(crate) priority: u8,
}

impl Request {
    /// How much room of a node this takes.
    pub(crate) const fn room(&self) -> u64 {
        match self.kind {
            ResourceType::Mem | ResourceType::Storage => self.bytes,
            _ => 1,
        }
    }

    /// Bytes as the layers record them: none where bytes say nothing.
    pub(crate) const fn recorded_bytes(&self) -> u64 {
        match self.kind {
            ResourceType::Mem | ResourceType::Storage => self.bytes,
            _ => 0,
        }
    }
}

/// A lease in force, as the manager keeps it.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) id: LeaseId,
    pub(crate) request: Request,
    pub(crate) node: usize,
    /// On whose behalf it was granted; its expiry is recorded under the same keys.
    pub(crate) context: Arc<Context>,
    pub(crate) shared: Arc<Shared>,
}

/// What holder and manager share: the resource, taken away when the lease ends, and the deadline.
#[derive(Debug)]
pub(crate) struct Shared {
    held: Mutex<Held>,
    deadline: AtomicU64,
}

#[derive(Debug)]
enum Held {
    Resource(Box<dyn Resource>),
    Ended(FabricError),
}

impl Shared {
    pub(crate) fn new(resource: Box<dyn Resource>, deadline: Ticks) -> Self {
        Self {
            held: Mutex::new(Held::Resource(resource)),
            deadline: AtomicU64::new(deadline.0),
        }
    }

    pub(crate) fn deadline(&self) -> Ticks {
        Ticks(self.deadline.load(Ordering::Acquire))
    }

    pub(crate) fn set_deadline(&self, deadline: Ticks) {
        self.deadline.store(deadline.0, Ordering::Release);
    }

    /// Takes the resource away, waiting for the operation under way; the holder finds `why` from now on.
    pub(crate) fn revoke(&self, why: FabricError) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Held::Ended(why);
    }

    /// Why the lease ended, if it did.
    pub(crate) fn ended(&self) -> Option<FabricError> {
        match &*self.held.lock().unwrap_or_else(PoisonError::into_inner) {
            Held::Resource(_) => None,
            Held::Ended(why) => Some(*why),
        }
    }

    pub(crate) fn operate(
        &self,
        op: OpType,
        fault: Option<Fault>,
        rng: &mut Rng,
    ) -> Result<u64, FabricError> {
        match &mut *self.held.lock().unwrap_or_else(PoisonError::into_inner) {
            Held::Resource(resource) => resource.operate(op, fault, rng),
            Held::Ended(why) => Err(*why),
        }
    }
}

/// What the holder of a lease has in hand. Dropping it without releasing is what a crashed holder does: the lease expires.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) id: LeaseId,
    pub(crate) request: Request,
    pub(crate) node: usize,
    pub(crate) shared: Arc<Shared>,
}
