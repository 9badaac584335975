//! `MemoryAnchorStore` keeps the contract, by value and behind pointers.

use std::sync::Arc;

use counterfoil_anchor::{AnchorStore, MemoryAnchorStore};
use counterfoil_testkit::anchor::conformance;

#[test]
fn the_memory_store_keeps_the_contract() {
    conformance(MemoryAnchorStore::new);
}

#[test]
fn a_boxed_store_keeps_the_contract() {
    conformance(|| -> Box<dyn AnchorStore> { Box::new(MemoryAnchorStore::new()) });
}

#[test]
fn a_shared_store_keeps_the_contract() {
    conformance(|| -> Arc<dyn AnchorStore> { Arc::new(MemoryAnchorStore::new()) });
}
