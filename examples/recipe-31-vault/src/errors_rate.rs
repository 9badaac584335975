//! Errors a second within the last minute.

use std::collections::VecDeque;

use counterfoil::Ticks;
use parking_lot::Mutex;

/// How far it looks back, in seconds.
const WINDOW: u64 = 60;

/// Counts errors by second, and forgets what is older than a minute.
#[derive(Debug, Default)]
pub(crate) struct ErrorRate {
    /// Seconds of the clock, and how many errors there were in each.
    seconds: Mutex<VecDeque<(u64, u64)>>,
}

impl ErrorRate {
    /// There was one.
    pub(crate) fn count(&self, now: Ticks) {
        let mut seconds = self.seconds.lock();
        let second = second(now);
        match seconds.back_mut() {
            Some((last, errors)) if *last == second => *errors += 1,
            _ => seconds.push_back((second, 1)),
        }
        forget(&mut seconds, second);
    }

    /// How many there were a second.
    pub(crate) fn get(&self, now: Ticks) -> f64 {
        let mut seconds = self.seconds.lock();
        forget(&mut seconds, second(now));
        let errors: u64 = seconds.iter().map(|(_, errors)| errors).sum();
        errors as f64 / WINDOW as f64
    }
}

fn forget(seconds: &mut VecDeque<(u64, u64)>, now: u64) {
    while seconds.front().is_some_and(|(at, _)| at + WINDOW <= now) {
        seconds.pop_front();
    }
}

const fn second(now: Ticks) -> u64 {
    now.0 / 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_minute_alone() {
        let at = |second: u64| Ticks(second * 1_000_000_000);
        let rate = ErrorRate::default();
        for _ in 0..600 {
            rate.count(at(5));
        }
        rate.count(at(30));
        assert!((rate.get(at(64)) - 601.0 / 60.0).abs() < 1e-9);
        assert!((rate.get(at(65)) - 1.0 / 60.0).abs() < 1e-9);
        assert!(rate.get(at(90)).abs() < f64::EPSILON);
    }
}
