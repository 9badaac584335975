//! The share of something among the last outcomes, shown by a gauge.

use std::collections::VecDeque;

use counterfoil::metrics::Gauge;
use parking_lot::Mutex;

/// How many outcomes are looked back on.
const WINDOW: usize = 1024;

/// The last outcomes, and how many of them were it.
#[derive(Debug)]
pub(crate) struct Rolling {
    state: Mutex<State>,
    share: Gauge,
}

#[derive(Debug, Default)]
struct State {
    outcomes: VecDeque<bool>,
    were_it: u16,
}

impl Rolling {
    /// Shows the share in this gauge; NaN before the first outcome.
    pub(crate) fn new(share: Gauge) -> Self {
        share.set(f64::NAN);
        Self {
            state: Mutex::default(),
            share,
        }
    }

    /// Takes in one outcome.
    pub(crate) fn push(&self, is_it: bool) {
        let mut state = self.state.lock();
        if state.outcomes.len() == WINDOW && state.outcomes.pop_front() == Some(true) {
            state.were_it -= 1;
        }
        state.outcomes.push_back(is_it);
        state.were_it += u16::from(is_it);
        let all = u16::try_from(state.outcomes.len()).unwrap_or(u16::MAX);
        // Before the next outcome comes in, or an older share could be what stays.
        self.share.set(f64::from(state.were_it) / f64::from(all));
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use counterfoil::metrics::Registry;

    use super::*;
    use crate::metrics::CACHE_HIT_RATE;

    fn rolling() -> (Rolling, Gauge) {
        let gauge: Gauge = Registry::new().instrument(&CACHE_HIT_RATE);
        (Rolling::new(gauge.clone()), gauge)
    }

    fn is(gauge: &Gauge, share: f64) -> bool {
        (gauge.get() - share).abs() < f64::EPSILON
    }

    #[test]
    fn the_share_is_that_of_the_last_outcomes_alone() {
        let (rolling, share) = rolling();
        assert!(share.get().is_nan());
        rolling.push(true);
        assert!(is(&share, 1.0));
        rolling.push(false);
        assert!(is(&share, 0.5));
        for _ in 0..WINDOW {
            rolling.push(false);
        }
        assert!(is(&share, 0.0));
    }

    #[test]
    fn of_outcomes_at_the_same_time_the_last_share_is_what_stays() {
        for _ in 0..200 {
            let (rolling, share) = rolling();
            thread::scope(|scope| {
                for is_it in [true, false, true, false] {
                    let rolling = &rolling;
                    scope.spawn(move || rolling.push(is_it));
                }
            });
            assert!(is(&share, 0.5), "{}", share.get());
        }
    }
}
