//! Conformance suites, a fake clock and other help for tests of Counterfoil backends

pub mod anchor;
mod block_on;
mod clock;
pub mod event_sink;
pub mod exporter;
mod rng;
pub mod signer;
pub mod vectors;

pub use block_on::block_on;
pub use clock::FakeClock;
pub use rng::SeededRng;
