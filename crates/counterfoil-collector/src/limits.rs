//! What a tenant may take in a second and at once, so that it takes nothing from its neighbours.

mod clock;
mod metered;

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use counterfoil::Clock;
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Reason, Refusal, TenantName};

pub(crate) use clock::Ticking;
pub use metered::Metered;

/// Bytes are counted by so many, because the limiter's step is a whole number of nanoseconds.
const UNIT: u64 = 64;
/// What a tenant may send at once at least: one piece of a decoded body.
const LEAST_BURST: u64 = 64 << 10;
/// When to try again after there were too many requests at once.
const AFTER_CROWD: Duration = Duration::from_secs(1);

/// The rates of one tenant. What is `None` has no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rates {
    /// Records (lines, checkpoints too) in a second, and at once.
    pub records: Option<NonZeroU32>,
    /// Bytes after decoding in a second, and at once (64 KiB at least).
    pub bytes: Option<u64>,
    /// Requests under way.
    pub requests: usize,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            records: None,
            bytes: None,
            requests: 128,
        }
    }
}

/// The limits of every tenant.
pub struct TenantLimits {
    clock: Ticking,
    rates_of: Box<dyn Fn(&TenantName) -> Rates + Send + Sync>,
    /// As many as there are tenants with a credential.
    tenants: Mutex<HashMap<TenantName, Arc<TenantLimit>>>,
}

impl TenantLimits {
    /// Limits by `rates_of`, which is asked when a tenant comes for the first time, on `clock`.
    pub fn new(
        clock: Arc<dyn Clock>,
        rates_of: impl Fn(&TenantName) -> Rates + Send + Sync + 'static,
    ) -> Self {
        Self {
            clock: Ticking(clock),
            rates_of: Box::new(rates_of),
            tenants: Mutex::default(),
        }
    }

    /// Has the rates asked for anew, for requests that begin from now on. Everybody begins anew.
    pub fn renew(&self) {
        self.tenants.lock().clear();
    }

    /// The limits of `tenant`.
    #[must_use]
    pub fn of(&self, tenant: &TenantName) -> Arc<TenantLimit> {
        let mut tenants = self.tenants.lock();
        if let Some(limit) = tenants.get(tenant) {
            return Arc::clone(limit);
        }
        let limit = Arc::new(TenantLimit::new((self.rates_of)(tenant), &self.clock));
        tenants.insert(tenant.clone(), Arc::clone(&limit));
        limit
    }
}

impl fmt::Debug for TenantLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantLimits").finish_non_exhaustive()
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Ticking, NoOpMiddleware<Duration>>;

/// The limits of one tenant.
pub struct TenantLimit {
    clock: Ticking,
    records: Option<(NonZeroU32, Limiter)>,
    bytes: Option<Limiter>,
    requests: Arc<Semaphore>,
}

impl TenantLimit {
    fn new(rates: Rates, clock: &Ticking) -> Self {
        let limiter = |per_second, burst| {
            let quota = Quota::per_second(per_second).allow_burst(burst);
            RateLimiter::direct_with_clock(quota, clock.clone())
        };
        let requests = rates.requests.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            clock: clock.clone(),
            records: rates.records.map(|rate| (rate, limiter(rate, rate))),
            bytes: rates
                .bytes
                .map(|rate| limiter(units(rate), units(rate.max(LEAST_BURST)))),
            requests: Arc::new(Semaphore::new(requests)),
        }
    }

    /// A request of the tenant, under way until what this gives is dropped.
    ///
    /// # Errors
    /// [`Reason::RateLimited`] when it has as many under way as it may.
    pub fn request(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.requests)
            .try_acquire_owned()
            .map_err(|_| over("requests at once", AFTER_CROWD))
    }

    /// Whether there is room for anything at all, so that a request is refused before its body is read.
    ///
    /// # Errors
    /// [`Reason::RateLimited`] with the time until there is.
    pub fn open(&self) -> Result<(), Refusal> {
        // One unit is taken, which is less than any body that is worth sending.
        self.units(1)
    }

    /// Takes as much of `piece` as there is room for, in whole lines: the number of bytes, and the refusal if it is not all.
    /// `owed` carries bytes below one unit on to the next piece of the same body.
    fn take(&self, piece: &Bytes, owed: &mut u64) -> (usize, Result<(), Refusal>) {
        *owed += piece.len() as u64;
        let due = *owed / UNIT;
        *owed %= UNIT;
        if let Err(refusal) = self.units(due) {
            return (0, Err(refusal));
        }
        let Some((burst, records)) = &self.records else {
            return (piece.len(), Ok(()));
        };
        let take = |lines: NonZeroU32| match records.check_n(lines) {
            Ok(taken) => taken.map_err(|denied| denied.wait_time_from(self.clock.now())),
            // More than there ever is room for at once.
            Err(_) => Err(Duration::ZERO),
        };
        let ends = || memchr::memchr_iter(b'\n', piece);
        let lines = u32::try_from(ends().count()).unwrap_or(u32::MAX);
        let Some(lines) = NonZeroU32::new(lines) else {
            return (piece.len(), Ok(()));
        };
        if lines <= *burst && take(lines).is_ok() {
            return (piece.len(), Ok(()));
        }
        let mut taken = 0;
        for end in ends() {
            if let Err(wait) = take(NonZeroU32::MIN) {
                return (taken, Err(over("records", wait)));
            }
            taken = end + 1;
        }
        (piece.len(), Ok(()))
    }

    fn units(&self, count: u64) -> Result<(), Refusal> {
        let count = u32::try_from(count).ok().and_then(NonZeroU32::new);
        let (Some(bytes), Some(count)) = (&self.bytes, count) else {
            return Ok(());
        };
        match bytes.check_n(count) {
            Ok(taken) => {
                taken.map_err(|denied| over("bytes", denied.wait_time_from(self.clock.now())))
            }
            // A piece is smaller than the least burst.
            Err(_) => Err(over("bytes", AFTER_CROWD)),
        }
    }
}

impl fmt::Debug for TenantLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantLimit").finish_non_exhaustive()
    }
}

fn units(bytes: u64) -> NonZeroU32 {
    // So that a unit takes a nanosecond at least.
    let most = 1_000_000_000;
    u32::try_from((bytes / UNIT).clamp(1, most))
        .ok()
        .and_then(NonZeroU32::new)
        .unwrap_or(NonZeroU32::MIN)
}

fn over(what: &str, wait: Duration) -> Refusal {
    let mut refusal = Refusal::new(
        Reason::RateLimited,
        format!("the tenant is over its limit of {what}; go on from the head, later"),
    );
    refusal.retry_after = Some(wait);
    refusal
}
