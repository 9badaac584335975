//! Nodes: where resources are, how much of each is left, and whether they can be reached.

use std::sync::atomic::{AtomicBool, Ordering};

use counterfoil::{Name, ResourceType};

const MIB: u64 = 1 << 20;

/// A place with resources and a link that can be cut.
#[derive(Debug)]
pub(crate) struct Node {
    name: Name,
    reachable: AtomicBool,
}

impl Node {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: Name::new(name),
            reachable: AtomicBool::new(true),
        }
    }

    pub(crate) const fn name(&self) -> &Name {
        &self.name
    }

    pub(crate) fn is_reachable(&self) -> bool {
        self.reachable.load(Ordering::Acquire)
    }

    /// Cuts or restores the link; says whether that changed anything.
    pub(crate) fn set_reachable(&self, reachable: bool) -> bool {
        self.reachable.swap(reachable, Ordering::AcqRel) != reachable
    }
}

/// What a node has left, in bytes of memory and storage and in processor slices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    memory: u64,
    storage: u64,
    slices: u64,
}

impl Room {
    /// A whole node. With three nodes the demo's leases hold at most 60 MiB of memory and 9 MiB of files.
    pub(crate) const WHOLE: Self = Self {
        memory: 20 * MIB,
        storage: 3 * MIB,
        slices: 2,
    };

    pub(crate) const fn of(&self, kind: ResourceType) -> u64 {
        match kind {
            ResourceType::Mem => self.memory,
            ResourceType::Storage => self.storage,
            _ => self.slices,
        }
    }

    pub(crate) const fn of_mut(&mut self, kind: ResourceType) -> &mut u64 {
        match kind {
            ResourceType::Mem => &mut self.memory,
            ResourceType::Storage => &mut self.storage,
            _ => &mut self.slices,
        }
    }
}
