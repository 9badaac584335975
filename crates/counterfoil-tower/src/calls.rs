//! Calls of a service's own methods.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_core::{Clock, SystemClock, TraceContext, names};
use counterfoil_metrics::{Histogram, Registry, UpDownCounter};
use tracing::field::Empty;

use crate::task::{Count, Ended, Task, Tracked};
use crate::{Coded, InFlight};

/// Measures the calls of one method of a service's own, in place of hand-written code for start and stop: how many run now
/// (`counterfoil.call.active`), how long they take and what comes of them (`counterfoil.call.duration` by `outcome`: `ok`,
/// `error`, `cancelled`, `panic`), and a span for each.
///
/// Made once and kept; cheap to clone.
///
/// ```
/// use counterfoil_metrics::Registry;
/// use counterfoil_tower::{Calls, ErrorCode};
///
/// let registry = Registry::new();
/// let charge = Calls::new(&registry, "charge_card");
/// let charged = charge.call(|| Ok::<_, ErrorCode>(42));
/// assert_eq!(charged, Ok(42));
/// ```
///
/// Of asynchronous ones: `charge.run(async { … }).await`.
#[derive(Clone, Debug)]
pub struct Calls {
    method: &'static str,
    active: UpDownCounter,
    count: Arc<Durations>,
}

#[derive(Debug)]
struct Durations {
    clock: Arc<dyn Clock>,
    /// By [`outcome`].
    by_outcome: [Histogram; OUTCOMES.len()],
}

const OUTCOMES: [&str; 4] = ["ok", "error", "cancelled", "panic"];

const fn outcome(how: Ended) -> usize {
    match how {
        Ended::Well => 0,
        Ended::Failed(_) => 1,
        Ended::Cancelled => 2,
        Ended::Panicked => 3,
    }
}

impl Calls {
    /// Registers the instruments of a method, whose name is part of the program.
    #[must_use]
    pub fn new(registry: &Registry, method: &'static str) -> Self {
        Self::with_clock(registry, method, SystemClock::new())
    }

    /// The same, with durations measured by `clock`.
    #[must_use]
    pub fn with_clock(registry: &Registry, method: &'static str, clock: impl Clock) -> Self {
        let duration = registry.family(&names::CALL_DURATION);
        Self {
            method,
            active: registry.family(&names::CALL_ACTIVE).with(&[method]),
            count: Arc::new(Durations {
                clock: Arc::new(clock),
                by_outcome: OUTCOMES.map(|outcome| duration.with(&[method, outcome])),
            }),
        }
    }

    /// Calls a function.
    ///
    /// # Errors
    /// Those of the function.
    pub fn call<T, E: Coded>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let _active = InFlight::enter(&self.active);
        self.task().call(work)
    }

    /// Runs a future.
    pub fn run<F, T, E>(
        &self,
        work: F,
    ) -> Tracked<impl Future<Output = Result<T, E>> + use<F, T, E>>
    where
        F: Future<Output = Result<T, E>>,
        E: Coded,
    {
        let active = InFlight::enter(&self.active);
        Tracked::new(self.task(), async move {
            let _active = active;
            work.await
        })
    }

    fn task(&self) -> Task {
        let span = tracing::info_span!(
            "call",
            otel.name = self.method,
            error.type = Empty,
            error_code = Empty,
            otel.status_code = Empty,
        );
        let count: Arc<Durations> = Arc::clone(&self.count);
        Task::counted(span, count)
    }
}

impl Count for Durations {
    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn ended(&self, how: Ended, elapsed: Duration, trace: Option<&TraceContext>) {
        self.by_outcome[outcome(how)].record_duration_with(elapsed, trace);
    }
}
