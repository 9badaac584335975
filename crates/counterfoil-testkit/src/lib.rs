//! What a test of a Counterfoil backend needs: conformance suites, a clock and numbers that a test controls, and vectors.
//!
//! **What it is.** One suite per contract, named after it: whoever implements [`AnchorStore`](counterfoil_anchor::AnchorStore),
//! [`Signer`](counterfoil_signer::Signer), `EventSink` or `Exporter` calls its `conformance` function from a test and is told
//! which clause is broken. Beside them [`FakeClock`], [`CountingIds`], [`SeededRng`], the executor without a runtime [`block_on`], and
//! [`vectors`], which finds the known answers of other projects; and [`files`], a file system that loses what was not synced. With the feature `otlp` there are
//! receivers of OTLP that do what a test says, with `browser` a headless Chromium that does, with `prometheus` a real Prometheus beside
//! the test, and with `service` the service under test as a process of its own.
//!
//! **Who should depend on it.** Tests, as a dev-dependency, called from `tests/`: a unit test of one of our own crates would
//! see that crate twice.
//!
//! **What it will never do.** Run in production, read the host's clock, draw a random number, or wait for a certain time.
//!
//! ```
//! use counterfoil_anchor::MemoryAnchorStore;
//! counterfoil_testkit::anchor::conformance(MemoryAnchorStore::new);
//! ```

pub mod anchor;
mod block_on;
#[cfg(feature = "browser")]
pub mod browser;
mod clock;
pub mod event_sink;
pub mod exporter;
pub mod files;
#[cfg(doctest)]
mod guides;
mod ids;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod programs;
#[cfg(feature = "prometheus")]
pub mod prometheus;
mod rng;
#[cfg(feature = "service")]
pub mod service;
pub mod signer;
pub mod vectors;

pub use block_on::block_on;
pub use clock::FakeClock;
pub use ids::CountingIds;
pub use rng::SeededRng;
