//! What was decided about traces, for spans that come late.

use std::collections::{HashMap, VecDeque};

use counterfoil_core::TraceId;

/// The most recent decisions, a bounded number of them.
#[derive(Debug)]
pub(super) struct Decided {
    kept: HashMap<TraceId, bool>,
    order: VecDeque<TraceId>,
    most: usize,
}

impl Decided {
    pub(super) fn new(most: usize) -> Self {
        Self {
            kept: HashMap::new(),
            order: VecDeque::new(),
            most,
        }
    }

    pub(super) fn get(&self, trace: TraceId) -> Option<bool> {
        self.kept.get(&trace).copied()
    }

    pub(super) fn remember(&mut self, trace: TraceId, keep: bool) {
        if self.kept.insert(trace, keep).is_none() {
            self.order.push_back(trace);
        }
        while self.order.len() > self.most {
            if let Some(oldest) = self.order.pop_front() {
                self.kept.remove(&oldest);
            }
        }
    }
}
