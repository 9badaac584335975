//! The share of something among the last outcomes.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// How many outcomes are looked back on.
const WINDOW: usize = 1024;

/// The last outcomes, and how many of them were it.
#[derive(Debug, Default)]
pub(crate) struct Rolling {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    outcomes: VecDeque<bool>,
    were_it: u16,
}

impl Rolling {
    /// Takes in one outcome; the share among those that are looked back on.
    pub(crate) fn push(&self, is_it: bool) -> f64 {
        let mut state = self.state.lock();
        if state.outcomes.len() == WINDOW && state.outcomes.pop_front() == Some(true) {
            state.were_it -= 1;
        }
        state.outcomes.push_back(is_it);
        state.were_it += u16::from(is_it);
        let all = u16::try_from(state.outcomes.len()).unwrap_or(u16::MAX);
        f64::from(state.were_it) / f64::from(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_that_of_the_last_outcomes_alone() {
        let rolling = Rolling::default();
        assert!((rolling.push(true) - 1.0).abs() < f64::EPSILON);
        assert!((rolling.push(false) - 0.5).abs() < f64::EPSILON);
        for _ in 0..WINDOW {
            rolling.push(false);
        }
        assert!(rolling.push(false).abs() < f64::EPSILON);
    }
}
