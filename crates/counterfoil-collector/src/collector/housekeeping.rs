//! What is done again and again beside the records: keeping heads, sealing what was coalesced, letting go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use tokio::sync::oneshot;

use crate::collector::job::Job;
use crate::collector::shared::Shared;

/// How often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) heads: Duration,
    pub(crate) meta: Duration,
    pub(crate) retention: Duration,
}

/// Keeps house until it is told to stop, or nobody can tell it any more.
pub(crate) fn run(shared: &Arc<Shared>, plan: Plan, stop: &Receiver<()>) {
    let tick = plan
        .heads
        .min(plan.meta)
        .min(plan.retention)
        .max(Duration::from_millis(1));
    let start = Instant::now();
    let (mut heads, mut meta, mut retention) = (start, start, start);
    while stop.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
        if is_due(&mut heads, plan.heads) {
            shared.heads.advance();
        }
        if is_due(&mut meta, plan.meta) {
            shared.meta.flush();
        }
        if is_due(&mut retention, plan.retention) {
            prune_all(shared);
        }
    }
}

fn is_due(last: &mut Instant, every: Duration) -> bool {
    let due = last.elapsed() >= every;
    if due {
        *last = Instant::now();
    }
    due
}

/// Asks the workers to let go what retention allows, of each chain whose tenant has one. What came of it can be waited for.
pub(crate) fn prune_all(shared: &Shared) -> Vec<oneshot::Receiver<Result<u64, crate::Refusal>>> {
    let chains: Vec<_> = shared.chains.read().values().cloned().collect();
    let mut answers = Vec::new();
    for chain in chains {
        let retention = shared.settings.of(&chain.entry.tenant).retention;
        if retention.max_age_s.is_none() && retention.max_bytes.is_none() {
            continue;
        }
        let (reply, answer) = oneshot::channel();
        let worker = chain.worker;
        if shared.give(worker, Job::Prune(chain, reply)).is_ok() {
            answers.push(answer);
        }
    }
    answers
}
