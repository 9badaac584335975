//! Anchors in memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use counterfoil_core::{ChainId, Head};

use crate::{Anchor, AnchorStore, Error, check_advance};

/// Keeps anchors for as long as it lives: for development, tests, and logs that end with their process.
///
/// It protects a log from a second writer in the same process and from nothing else. Holds one anchor per log, without a
/// limit to their number; a process has as many as it opens logs.
#[derive(Debug, Default)]
pub struct MemoryAnchorStore {
    /// By [`ChainId::base`].
    anchors: Mutex<HashMap<String, Anchor>>,
}

impl MemoryAnchorStore {
    /// A store that holds nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl AnchorStore for MemoryAnchorStore {
    async fn load(&self, chain: &ChainId) -> Result<Option<Anchor>, Error> {
        // A panic elsewhere cannot leave the map half changed: it is changed by one insert.
        let anchors = self.anchors.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(anchors.get(chain.base()).cloned())
    }

    async fn advance(
        &self,
        chain: &ChainId,
        expected: Option<&Head>,
        next: &Anchor,
    ) -> Result<Anchor, Error> {
        let mut anchors = self.anchors.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = check_advance(anchors.get(chain.base()), chain, expected, next)?.clone();
        anchors.insert(chain.base().to_owned(), stored.clone());
        Ok(stored)
    }
}
