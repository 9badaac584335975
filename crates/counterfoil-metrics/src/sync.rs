//! The primitives of what is read while it is written, taken from `loom` when its model checker runs and from `std`
//! otherwise.

#[cfg(loom)]
pub(crate) use loom::{
    hint::spin_loop,
    sync::atomic::{AtomicU64, fence},
};
#[cfg(not(loom))]
pub(crate) use std::{
    hint::spin_loop,
    sync::atomic::{AtomicU64, fence},
};

pub(crate) use std::sync::atomic::Ordering;
