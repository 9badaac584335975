//! More than one attempt.

use std::fmt::Debug;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::thread;
use std::time::{Duration, Instant};

use crate::batch::{Batch, Signals};
use crate::error::{Error, ErrorKind};
use crate::exporter::Exporter;

/// Tries a batch again while its error is retryable and attempts are left.
///
/// Between attempts it sleeps on the caller's thread, at most `(attempts - 1) × (longest delay + longest wait)` for a batch;
/// put a [`Limit`](crate::Limit) around it where the caller must not be held up. Inside a [`FanOut`](crate::FanOut) it retries
/// its own branch only, which is where it belongs.
///
/// A destination that asks to be left alone ([`Error::retry_after`]) is, for that long and a delay of our own on top of it.
/// When part of a batch has arrived, the next attempt sends the rest ([`Error::rest`]), and what an earlier attempt lost is in
/// the error at the end.
#[derive(Debug)]
pub struct Retry<E, P = ThreadPacer> {
    inner: E,
    policy: RetryPolicy,
    pacer: P,
}

/// How often, and how long apart.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    attempts: u32,
    first_delay: Duration,
    longest_delay: Duration,
    longest_wait: Duration,
}

/// Where a [`Retry`] takes chance and sleep from. Tests give one that does not sleep.
pub trait Pacer: Debug + Send + Sync + 'static {
    /// A random number from 0 to 1, so that many processes do not come back at the same moment.
    fn fraction(&self) -> f64;

    /// Waits.
    fn sleep(&self, duration: Duration);
}

/// Sleeps on the current thread; random numbers come from the standard library's hasher keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadPacer;

impl<E: Exporter> Retry<E> {
    /// Retries `inner`.
    pub const fn new(inner: E, policy: RetryPolicy) -> Self {
        Self {
            inner,
            policy,
            pacer: ThreadPacer,
        }
    }
}

impl<E: Exporter, P> Retry<E, P> {
    /// Takes chance and sleep from `pacer`.
    #[must_use]
    pub fn with_pacer<Q: Pacer>(self, pacer: Q) -> Retry<E, Q> {
        Retry {
            inner: self.inner,
            policy: self.policy,
            pacer,
        }
    }
}

impl RetryPolicy {
    /// Five attempts in all, the first delay up to 200 ms, the longest up to 5 s, and at most 30 s more where the destination
    /// asks for it.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            attempts: 5,
            first_delay: Duration::from_millis(200),
            longest_delay: Duration::from_secs(5),
            longest_wait: Duration::from_secs(30),
        }
    }

    /// How many attempts in all; 0 counts as 1.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The delay after the first attempt, doubled after each further one.
    #[must_use]
    pub const fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// Where doubling ends.
    #[must_use]
    pub const fn longest_delay(mut self, delay: Duration) -> Self {
        self.longest_delay = delay;
        self
    }

    /// The longest that a destination may ask for; one that asks for more is not tried again with this batch.
    #[must_use]
    pub const fn longest_wait(mut self, wait: Duration) -> Self {
        self.longest_wait = wait;
        self
    }

    /// How long to wait before the next attempt; `None` when there is none.
    fn next(&self, failed_attempts: u32, error: &Error, fraction: f64) -> Option<Duration> {
        let asked = error.retry_after().unwrap_or_default();
        let again = failed_attempts < self.attempts && error.is_retryable();
        (again && asked <= self.longest_wait)
            .then(|| asked.saturating_add(self.delay(failed_attempts, fraction)))
    }

    /// Between half of the nominal delay and all of it.
    fn delay(&self, failed_attempts: u32, fraction: f64) -> Duration {
        let doublings = 1_u32.checked_shl(failed_attempts - 1).unwrap_or(u32::MAX);
        let nominal = self
            .first_delay
            .saturating_mul(doublings)
            .min(self.longest_delay);
        nominal.mul_f64(0.5 + fraction.clamp(0.0, 1.0) / 2.0)
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Exporter, P: Pacer> Exporter for Retry<E, P> {
    fn signals(&self) -> Signals {
        self.inner.signals()
    }

    fn export(&self, mut batch: Batch) -> Result<(), Error> {
        let (mut failed_attempts, mut earlier) = (0, Earlier::default());
        loop {
            let Err(error) = self.inner.export(batch.clone()) else {
                return earlier.into_result();
            };
            failed_attempts += 1;
            let fraction = self.pacer.fraction();
            let Some(delay) = self.policy.next(failed_attempts, &error, fraction) else {
                return Err(earlier.added_to(error, &batch));
            };
            if let Some(rest) = error.rest() {
                batch = rest.clone();
                earlier.add(error);
            }
            self.pacer.sleep(delay);
        }
    }

    /// One attempt: the deadline leaves no room for more.
    fn flush(&self, deadline: Instant) -> Result<(), Error> {
        self.inner.flush(deadline)
    }
}

/// What attempts did that sent a part of the batch and were not the last one.
#[derive(Default)]
struct Earlier {
    lost: u64,
    /// The first of their errors.
    first: Option<Error>,
}

impl Earlier {
    fn add(&mut self, error: Error) {
        self.lost += error.lost();
        self.first.get_or_insert(error);
    }

    fn into_result(self) -> Result<(), Error> {
        let Some(first) = self.first.filter(|_| self.lost > 0) else {
            return Ok(());
        };
        let context = format!(
            "{} items of it were lost in an earlier attempt; see what that one says",
            self.lost
        );
        let error = Error::new(ErrorKind::Rejected, "export a whole batch", context);
        Err(error.with_source(first).with_part(self.lost, None))
    }

    /// `error` was the answer to `sent`, which is the rest of the batch if there were such attempts.
    fn added_to(self, error: Error, sent: &Batch) -> Error {
        if self.first.is_none() {
            return error;
        }
        let lost = self.lost + error.lost();
        let rest = match error.undelivered(sent.len() as u64) - error.lost() {
            0 => None,
            _ => Some(error.rest().unwrap_or(sent).clone()),
        };
        error.with_part(lost, rest)
    }
}

impl Pacer for ThreadPacer {
    fn fraction(&self) -> f64 {
        let random = RandomState::new().build_hasher().finish();
        f64::from((random >> 32) as u32) / f64::from(u32::MAX)
    }

    fn sleep(&self, duration: Duration) {
        thread::sleep(duration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_never_overflow() {
        let policy = RetryPolicy::new();
        let millis = |attempt, fraction| policy.delay(attempt, fraction).as_millis();
        assert_eq!(
            [1, 2, 3].map(|attempt| millis(attempt, 1.0)),
            [200, 400, 800]
        );
        assert_eq!(
            (millis(1, 0.0), millis(40, 1.0), millis(u32::MAX, 1.0)),
            (100, 5_000, 5_000)
        );
    }

    #[test]
    fn chance_stays_between_0_and_1() {
        assert!((0..100).all(|_| (0.0..=1.0).contains(&ThreadPacer.fraction())));
    }
}
