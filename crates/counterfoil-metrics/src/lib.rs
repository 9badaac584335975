//! Metrics that cost the caller a nanosecond: per-thread instruments, a recorder for the `metrics` facade, and
//! [`FabricMetrics`].
//!
//! **What it is.** A [`Registry`] of [`Counter`]s, [`UpDownCounter`]s, [`Gauge`]s, [`Histogram`]s and
//! [`ExponentialHistogram`]s. Every thread counts in
//! cells of its own with plain loads and stores; a snapshot adds them up and makes nobody wait. A thread that ends leaves
//! its cells to the next one, so nothing is lost; a call so late in a thread's life that its thread-locals are gone is
//! counted as well. Design §4 and §8.
//!
//! **Who should depend on it.** Applications and libraries that count. Who only exports depends on `counterfoil-core`, where
//! [`MetricSnapshot`](counterfoil_core::MetricSnapshot) lives. Services usually take the facade `counterfoil`.
//!
//! **What it will never do.** Fail or panic when counting, allocate or lock when counting, start a thread, keep samples
//! until somebody fetches them, or drop a series that somebody holds a handle to.
//!
//! # Instruments of your own
//! Declare a table, then a struct of handles, as [`FabricMetrics`] does:
//!
//! ```
//! use std::time::Duration;
//! use counterfoil_metrics::{By, Counter, Family, Histogram, Registry};
//!
//! counterfoil_core::instruments! {
//!     /// What Deriva measures.
//!     pub TABLE: prefix "deriva.", labels ["function", "result"];
//!
//!     /// Materializations that came to an end.
//!     MATERIALIZE_DONE: Counter("deriva.materialize.done", "{materialization}", ["result"]);
//!     /// How long a materialization took from end to end.
//!     MATERIALIZE_DURATION: Histogram("deriva.materialize.duration", "s", [], bounds: &[0.001, 0.01, 0.1, 1.0], ceiling: 600.0);
//!     /// Bytes that went into a function.
//!     COMPUTE_IO: Counter("deriva.compute.io", "By", ["function"]);
//! }
//!
//! counterfoil_metrics::label_values! {
//!     enum Answer { Hit = "hit", Miss = "miss" }
//! }
//!
//! struct DerivaMetrics {
//!     done: By<Answer, Counter>,
//!     duration: Histogram,
//!     compute_io: Family<Counter>,
//! }
//!
//! let registry = Registry::new();
//! let metrics = DerivaMetrics {
//!     done: registry.by(&MATERIALIZE_DONE),
//!     duration: registry.instrument(&MATERIALIZE_DURATION),
//!     compute_io: registry.family(&COMPUTE_IO),
//! };
//! let concat = metrics.compute_io.with(&["concat"]); // keep it: the look-up takes a lock
//!
//! metrics.done.at(Answer::Hit).increment();
//! metrics.duration.record_duration(Duration::from_millis(5));
//! concat.add(4096);
//!
//! assert_eq!(metrics.done.get(), 1);
//! assert_eq!(metrics.done.at(Answer::Miss).get(), 0);
//! assert_eq!(metrics.duration.get().counts, [0, 1, 0, 0, 0]);
//! assert!(TABLE.check().is_empty());
//! ```

mod arena;
mod block;
mod counter;
mod define;
mod error;
mod exemplars;
mod exponent;
mod exponential;
mod fabric;
mod family;
mod gauge;
mod histogram;
mod labels;
mod layout;
mod local;
#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(feature = "metrics")]
mod recorder;
mod registry;
mod series;
mod source;
mod sync;
mod up_down_counter;
mod window;

pub use counter::Counter;
pub use define::{Define, Handle};
pub use error::{Error, ErrorKind};
pub use exponential::ExponentialHistogram;
pub use fabric::FabricMetrics;
pub use family::Family;
pub use gauge::Gauge;
pub use histogram::Histogram;
pub use labels::{By, Labels};
pub use local::ThreadBlock;
pub use registry::{Builder, Registry};
pub use source::{Observations, Observed};
pub use up_down_counter::UpDownCounter;
