//! From where on a figure is too high.

use counterfoil_health::Status;

/// From where on a figure is too high: at `degraded` somebody should look, at `unhealthy` it does not work any more.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "written down by whoever sets limits; there are two and no more"
)]
pub struct Limits<T> {
    /// At this or above the check is degraded.
    pub degraded: T,
    /// At this or above it is unhealthy.
    pub unhealthy: T,
}

impl<T: PartialOrd> Limits<T> {
    pub(crate) fn judge(&self, figure: &T) -> Status {
        if *figure >= self.unhealthy {
            Status::Unhealthy
        } else if *figure >= self.degraded {
            Status::Degraded
        } else {
            Status::Healthy
        }
    }
}
