//! The injected clock, for rate limiters.

use std::sync::Arc;
use std::time::Duration;

use counterfoil::Clock;

/// Reads the monotonic half of a [`Clock`].
#[derive(Clone, Debug)]
pub(crate) struct Ticking(pub(crate) Arc<dyn Clock>);

impl governor::clock::Clock for Ticking {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.ticks().0)
    }
}
