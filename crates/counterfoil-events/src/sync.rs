//! The primitives of the ring, taken from `loom` when its model checker runs and from `std` otherwise.

#[cfg(loom)]
pub(crate) use loom::sync::{
    Mutex,
    atomic::{AtomicU64, fence},
};
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex,
    atomic::{AtomicU64, fence},
};

pub(crate) use std::sync::atomic::Ordering;
