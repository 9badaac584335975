//! Failed attempts, limited by address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use counterfoil::Clock;
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::limits::Ticking;
use crate::server::network;

/// Addresses that are told apart; beyond, those not yet known share one limit.
const MOST_ADDRESSES: usize = 65_536;

/// How often an address may come with a credential that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttemptLimits {
    /// In a minute, and at once.
    pub per_minute: NonZeroU32,
}

impl AttemptLimits {
    /// So many in a minute, and at once.
    #[must_use]
    pub const fn per_minute(per_minute: NonZeroU32) -> Self {
        Self { per_minute }
    }
}

impl Default for AttemptLimits {
    fn default() -> Self {
        Self::per_minute(NonZeroU32::MIN.saturating_add(29))
    }
}

type Limiter =
    RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, Ticking, NoOpMiddleware<Duration>>;

/// Counts failed attempts.
pub(super) struct Attempts {
    limiter: Limiter,
    clock: Ticking,
}

impl Attempts {
    pub(super) fn new(limits: AttemptLimits, clock: Arc<dyn Clock>) -> Self {
        let clock = Ticking(clock);
        let quota = Quota::per_minute(limits.per_minute);
        Self {
            limiter: RateLimiter::new(quota, DefaultKeyedStateStore::default(), clock.clone()),
            clock,
        }
    }

    /// Notes a failed attempt from `address`; fails with the time to wait when there were too many.
    pub(super) fn failed(&self, address: IpAddr) -> Result<(), Duration> {
        let mut key = network(address);
        if self.limiter.len() >= MOST_ADDRESSES {
            self.limiter.retain_recent();
            if self.limiter.len() >= MOST_ADDRESSES {
                key = Ipv4Addr::UNSPECIFIED.into();
            }
        }
        self.limiter
            .check_key(&key)
            .map_err(|denied| denied.wait_time_from(self.clock.now()))
    }
}

impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempts").finish_non_exhaustive()
    }
}
