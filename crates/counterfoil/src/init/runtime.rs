//! tokio's runtime in figures.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use counterfoil_core::names;
use counterfoil_metrics::{Observed, Registry};
use tokio::runtime::{Handle, RuntimeMetrics};

/// Readings that are closer together say the same about utilization.
const SHORTEST: Duration = Duration::from_secs(1);

/// Has every snapshot of `registry` show this runtime. It does not keep the runtime alive.
pub(crate) fn observe(registry: &Registry, runtime: &Handle) -> Observed {
    let metrics = runtime.metrics();
    let utilization = Mutex::new(Utilization::new(busy(&metrics), Instant::now()));
    registry.observe(move |out| {
        let busy = busy(&metrics);
        let workers = metrics.num_workers();
        out.up_down_counter(&names::TOKIO_WORKER_LIMIT, &[], signed(workers));
        out.up_down_counter(
            &names::TOKIO_TASK_ALIVE,
            &[],
            signed(metrics.num_alive_tasks()),
        );
        out.up_down_counter(
            &names::TOKIO_GLOBAL_QUEUE_SIZE,
            &[],
            signed(metrics.global_queue_depth()),
        );
        out.float_counter(&names::TOKIO_WORKER_BUSY_TIME, &[], busy.as_secs_f64());
        let mut utilization = utilization.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = utilization.read(busy, Instant::now(), workers) {
            out.gauge(&names::TOKIO_WORKER_UTILIZATION, &[], share);
        }
    })
}

fn busy(metrics: &RuntimeMetrics) -> Duration {
    (0..metrics.num_workers())
        .map(|worker| metrics.worker_total_busy_duration(worker))
        .sum()
}

/// The share of time that workers are busy, between readings.
#[derive(Debug)]
struct Utilization {
    busy: Duration,
    at: Instant,
    share: Option<f64>,
}

impl Utilization {
    const fn new(busy: Duration, at: Instant) -> Self {
        Self {
            busy,
            at,
            share: None,
        }
    }

    /// `None` before there are two readings far enough apart.
    fn read(&mut self, busy: Duration, now: Instant, workers: usize) -> Option<f64> {
        let elapsed = now.saturating_duration_since(self.at);
        if elapsed >= SHORTEST && workers > 0 {
            let spent = busy.saturating_sub(self.busy).as_secs_f64();
            self.share = Some((spent / (elapsed.as_secs_f64() * workers as f64)).clamp(0.0, 1.0));
            (self.busy, self.at) = (busy, now);
        }
        self.share
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Utilization;

    #[test]
    fn utilization_is_busy_time_over_the_time_of_all_workers() {
        let start = Instant::now();
        let seconds = Duration::from_secs_f64;
        let mut utilization = Utilization::new(seconds(1.0), start);
        let mut read = |busy, at| utilization.read(seconds(busy), start + seconds(at), 2);
        assert_eq!(read(1.1, 0.5), None);
        assert_eq!(read(3.0, 2.0), Some(0.5));
        assert_eq!(read(3.5, 2.5), Some(0.5), "too close to the one before");
        assert_eq!(read(3.0, 4.0), Some(0.0));
    }
}
