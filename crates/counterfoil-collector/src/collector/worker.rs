//! Workers: a few threads that verify and write, each for the chains that always come to it.
//!
//! A worker owns what is kept of its chains, so that there is no lock per chain. It takes what waits, judges and writes it, and gives
//! each chain that has something to be made durable to an I/O thread, which syncs, answers and gives the chain back. What comes for
//! the chain meanwhile waits and is settled together: a group commit per chain, and no chain waits for the sync of another one.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use counterfoil::ChainId;
use crossbeam_channel::Receiver;

use crate::collector::chain::Chain;
use crate::collector::job::Job;
use crate::collector::shared::Shared;
use crate::collector::slot::Slot;

/// So many jobs are taken before chains are given away to be synced.
const ROUND: usize = 256;

/// Works until it is told to stop and everything is settled.
pub(crate) fn run(shared: &Arc<Shared>, number: usize, jobs: &Receiver<Job>) {
    let busy = |since: u64| {
        if let Some(beat) = shared.busy_since.get(number) {
            beat.store(since, Relaxed);
        }
    };
    let mut worker = Worker {
        shared: Arc::clone(shared),
        slots: HashMap::new(),
        touched: Vec::new(),
        away: 0,
        stopping: false,
    };
    // The channel stays open for as long as `shared` is there.
    while !worker.is_done(jobs)
        && let Ok(first) = jobs.recv()
    {
        busy(shared.clock.ticks().0.max(1));
        worker.take(first);
        for job in jobs.try_iter().take(ROUND) {
            worker.take(job);
        }
        worker.give_away();
        busy(0);
    }
    for io in worker.slots.values_mut().filter_map(Slot::close_in_order) {
        // The I/O threads outlive the workers.
        shared.io.send(io).ok();
    }
    shared.worker_ended();
}

struct Worker {
    shared: Arc<Shared>,
    slots: HashMap<ChainId, Slot>,
    /// Chains that got something to do in this round.
    touched: Vec<ChainId>,
    /// Chains that are at an I/O thread.
    away: usize,
    stopping: bool,
}

impl Worker {
    fn is_done(&self, jobs: &Receiver<Job>) -> bool {
        self.stopping && self.away == 0 && jobs.is_empty()
    }

    fn take(&mut self, job: Job) {
        let Some(chain) = job.chain().cloned() else {
            self.stopping = true;
            return;
        };
        if matches!(job, Job::Back(..)) {
            self.away -= 1;
        }
        self.touched.push(chain.id().clone());
        let slot = self.slot(&chain);
        // A line from outside must not end the worker, whatever is wrong with us.
        if catch_unwind(AssertUnwindSafe(|| slot.take(job))).is_err() {
            tracing::error!(chain = %chain.id(), "judging a chain panicked; it is opened again");
            slot.panicked();
        }
    }

    fn slot(&mut self, chain: &Arc<Chain>) -> &mut Slot {
        self.slots
            .entry(chain.id().clone())
            .or_insert_with(|| Slot::new(Arc::clone(&self.shared), Arc::clone(chain)))
    }

    /// Gives the chains that have something to be opened or settled to the I/O threads.
    fn give_away(&mut self) {
        for id in self.touched.drain(..) {
            if let Some(slot) = self.slots.get_mut(&id)
                && slot.give_away()
            {
                self.away += 1;
            }
        }
    }
}
