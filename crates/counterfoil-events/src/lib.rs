//! The most recent events of a process, in memory: bounded, lossy, exactly counted, and out of the way of the caller.
//!
//! **What it is.** The second of Counterfoil's three layers, for "what was happening around the spike?".
//! [`EventRingBuffer`] keeps the latest typed events of each thread and overwrites the oldest; a [`Snapshot`] shows them in
//! time order and says from when on it is complete; a [`Drain`] hands each event once to an [`EventSink`] and counts exactly
//! what it missed.
//!
//! **Who should depend on it.** Services that want events without the other layers, and authors of an [`EventSink`].
//! Whoever wants all three layers from one call takes the facade `counterfoil`.
//!
//! **What it will never do.** Fail a caller, block one that has a ring of its own, allocate on a push but a thread's first, grow beyond
//! [`memory_bound`](EventRingBuffer::memory_bound), lose an event without counting it, or serve as evidence: for that there
//! is `counterfoil-audit`.
//!
//! ```
//! use counterfoil_core::{Context, FabricEvent, LeaseId, Name, ResourceType, WorkloadIdentity};
//! use counterfoil_events::{EventRingBuffer, Filter};
//!
//! let events = EventRingBuffer::builder().ring_capacity(1024).build()?;
//! let context = Context::new(WorkloadIdentity::tenant_only("acme"));
//! let (resource_type, node) = (ResourceType::Mem, Name::new("node-a"));
//! for lease in 1..=3 {
//!     let lease_id = LeaseId(lease);
//!     events.push(&FabricEvent::LeaseExpired { resource_type, lease_id, node: node.clone() }, &context);
//! }
//!
//! assert_eq!(events.len(), 3);
//! let about_two = events.matching(&Filter::new().lease(LeaseId(2)));
//! assert_eq!(about_two.events()[0].event.kind_name(), "lease_expired");
//! assert_eq!(about_two.overwritten(), 0);
//! # Ok::<(), counterfoil_events::Error>(())
//! ```
//!
//! # How it works
//!
//! Each thread writes a ring of its own out of a fixed pool. A slot is a sequence lock made of atomic words, all of it safe
//! Rust: the writer notes the event's position in the slot, writes the words, then raises the ring's head; a reader takes
//! words below the head, and only if the slot still belongs to the position it asked for after they were read. So a snapshot
//! holds up nobody, and a slot that is overwritten while it is read is left out and counted. A thread that ends hands its ring back with everything in it. When the pool is used
//! up, and in destructors that run after the thread's locals are gone, events go to one more ring behind a mutex: there a push
//! waits for those of other threads, each as long as it takes to copy an event, and the first one for the ring to be made.
//! Claiming a ring, handing it back and listing the rings for a snapshot take the same mutex; nobody allocates a ring under it.
//!
//! Events carry the clock's [`Ticks`](counterfoil_core::Ticks); a snapshot or a pass reads both clocks once and translates.
//!
//! # Features
//!
//! - `json`: `JsonEventSink`, one JSON object per line.

mod buffer;
mod drain;
mod drain_thread;
mod error;
mod filter;
#[cfg(feature = "json")]
mod json_sink;
#[cfg(all(test, loom))]
mod loom_tests;
mod pool;
mod ring;
mod sink;
mod snapshot;
mod sync;
mod writer;

pub use buffer::{EventRingBuffer, EventRingBufferBuilder};
pub use drain::{Drain, DrainCounts, Pass};
pub use drain_thread::DrainThread;
pub use error::{Error, ErrorKind};
pub use filter::Filter;
#[cfg(feature = "json")]
pub use json_sink::JsonEventSink;
pub use sink::EventSink;
pub use snapshot::Snapshot;
pub use writer::RingWriter;
