//! Timing: pinned threads, short batches, medians, both sides in turn.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Runs a number of operations. One call per batch, so that the indirection costs nothing per operation.
pub(crate) type Batch<'a> = Box<dyn FnMut(u32) + 'a>;

/// How long and how often to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Rounds in which both sides run once; the medians of the rounds are reported.
    pub(crate) rounds: usize,
    /// How long one side runs in a round.
    pub(crate) round: Duration,
}

/// Median nanoseconds per operation of two sides that run in turn, so that both see the same machine.
pub(crate) fn pair<'a>(
    effort: Effort,
    threads: usize,
    ops: u32,
    ours: &(dyn Fn() -> Batch<'a> + Sync),
    stock: &(dyn Fn() -> Batch<'a> + Sync),
) -> (f64, f64) {
    let mut medians = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        medians.0.push(round(effort.round, threads, ops, ours));
        medians.1.push(round(effort.round, threads, ops, stock));
    }
    (median(&mut medians.0), median(&mut medians.1))
}

/// Median nanoseconds per operation over the batches of all threads in one round.
pub(crate) fn round<'a>(
    length: Duration,
    threads: usize,
    ops: u32,
    make: &(dyn Fn() -> Batch<'a> + Sync),
) -> f64 {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let start = Barrier::new(threads);
    let mut samples: Vec<f64> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|index| {
                let core = cores.get(index % cores.len().max(1)).copied();
                let start = &start;
                scope.spawn(move || {
                    if let Some(core) = core {
                        core_affinity::set_for_current(core);
                    }
                    let mut batch = make();
                    batch(ops);
                    start.wait();
                    sample(length, ops, &mut batch)
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_default())
            .collect()
    });
    median(&mut samples)
}

fn sample(length: Duration, ops: u32, batch: &mut Batch<'_>) -> Vec<f64> {
    let mut samples = Vec::with_capacity(4_096);
    let begin = Instant::now();
    while begin.elapsed() < length {
        let before = Instant::now();
        batch(black_box(ops));
        samples.push(before.elapsed().as_nanos() as f64 / f64::from(ops));
    }
    samples
}

/// Heap allocations per operation on this thread, once everything is warm.
pub(crate) fn allocations(ops: u32, mut batch: Batch<'_>) -> f64 {
    batch(ops);
    let counted = allocation_counter::measure(|| batch(ops));
    counted.count_total as f64 / f64::from(ops)
}

/// The middle value; zero of none.
pub(crate) fn median(samples: &mut [f64]) -> f64 {
    quantile(samples, 0.5)
}

/// The value below which `q` of the samples lie.
pub(crate) fn quantile(samples: &mut [f64], q: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().saturating_sub(1);
    samples
        .get((last as f64 * q).round() as usize)
        .copied()
        .unwrap_or_default()
}
