//! The atomics that the queues are built on, so that loom can take their place.

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};

/// A value alone on its cache lines: 128 bytes, because x86-64 fetches lines in pairs and some Arm cores have lines of 128.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Alone<T>(pub(crate) T);
