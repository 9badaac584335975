//! What `init` gives back.

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use counterfoil_core::HeadSampler;
use counterfoil_exporter_prometheus::ScrapeServer;
use counterfoil_health::Health;
use counterfoil_metrics::Observed;
use tokio::runtime::Handle;
use tracing::Dispatch;

use super::destination::Destination;
use super::pump::Pump;
use super::shipping::Running;
use super::signals::Signals;
use super::sources::Missed;
use super::within::within;
use super::{Draining, Report, runtime};
use crate::Observer;
use crate::trace::Pipeline;

/// Keeps everything that [`init`](super::init) started. Keep it in `main` until the very end, and end with
/// [`shutdown`](Self::shutdown), which says what was lost; dropping it does the same with a deadline of
/// [5 s unless set](super::Config::drop_deadline) and logs what was lost.
///
/// Shutting down blocks the calling thread until everything was tried, at most until the deadline, and needs no async runtime:
/// it may be called without one, in a current-thread runtime, on a worker of a multi-thread one, twice, and while panicking.
/// What hangs is left behind on its own thread. Neither `std::process::exit` nor `abort` run destructors: call `shutdown`
/// before.
#[derive(Debug)]
#[must_use = "dropping it at once ends what was started"]
pub struct Guard {
    pub(crate) observer: Observer,
    pub(crate) health: Health,
    pub(crate) draining: Draining,
    pub(crate) dispatch: Dispatch,
    pub(crate) pipeline: Pipeline,
    pub(crate) pump: Pump,
    pub(crate) destinations: Arc<[Destination]>,
    pub(crate) missed: Arc<Missed>,
    #[cfg_attr(
        // tidy: without a feature, because the field is private and then only kept.
        not(feature = "collector"),
        expect(dead_code, reason = "nothing runs then that would have to be stopped")
    )]
    pub(crate) shipping: Running,
    pub(crate) metrics_address: Option<SocketAddr>,
    pub(crate) signals: Option<Signals>,
    pub(crate) drop_deadline: Duration,
    /// What is shown in metrics as long as this is kept.
    pub(crate) observed: Mutex<Vec<Observed>>,
    pub(crate) state: Mutex<State>,
    pub(crate) changed: Condvar,
}

/// How far it has come.
#[derive(Debug)]
pub(crate) enum State {
    Running { server: Option<ScrapeServer> },
    Stopping,
    Stopped(Report),
}

impl Guard {
    /// The observer that was given or made.
    #[must_use]
    pub const fn observer(&self) -> &Observer {
        &self.observer
    }

    /// The health checks, to register more of them or to mount their pages elsewhere.
    #[must_use]
    pub const fn health(&self) -> &Health {
        &self.health
    }

    /// The subscriber, for `tracing::dispatcher::with_default` where it is not the process's own.
    #[must_use]
    pub const fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// Whether the service is to end, and how to wait for that.
    #[must_use]
    pub const fn draining(&self) -> &Draining {
        &self.draining
    }

    /// Where `/metrics`, `/livez`, `/readyz`, `/health` and `/status` are served, with the port that the system chose if port
    /// 0 was asked for; `None` without a listener.
    #[must_use]
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Which traces are recorded. Who decides about a trace before its span is opened has to decide alike, or the flag sent to
    /// other services says something else than what is recorded: give the layers of `counterfoil-tower`
    /// `.sampled(move |trace| sampler.samples(trace))`.
    #[must_use]
    pub fn head_sampler(&self) -> HeadSampler {
        self.pipeline.head_sampler()
    }

    /// Shows this tokio runtime in the metrics. The one that `init` was called in is shown already.
    pub fn observe_runtime(&self, runtime: &Handle) {
        let observed = runtime::observe(self.observer.registry(), runtime);
        lock(&self.observed).push(observed);
    }

    /// Sends everything that was recorded before this call and waits until it was tried, at most `deadline` long.
    #[must_use = "it says whether something was lost"]
    pub fn flush(&self, deadline: Duration) -> Report {
        let until = after(deadline);
        let finished = self.pump.flush(until);
        let report = self.report(finished);
        #[cfg(feature = "collector")]
        let report = Report {
            shipping: self.shipping.flush(until),
            ..report
        };
        report
    }

    /// Ends what was started: closes the audit log, sends everything that was recorded, stops the listener. Returns when that
    /// is done, or after `deadline`, with what was lost and what is left.
    ///
    /// From then on nothing is exported and nothing is sealed. Log lines are still written and metrics still count. A second
    /// call gives the same report; one during the first waits for it, at most until its own deadline.
    #[must_use = "it says whether something was lost"]
    pub fn shutdown(&self, deadline: Duration) -> Report {
        let until = after(deadline);
        let server = {
            let mut state = lock(&self.state);
            match std::mem::replace(&mut *state, State::Stopping) {
                State::Running { server } => server,
                State::Stopped(report) => {
                    *state = State::Stopped(report.clone());
                    return report;
                }
                State::Stopping => return self.wait_for_report(state, until),
            }
        };
        self.draining.begin();
        let report = self.stop(until);
        if let Some(server) = server {
            // Last, so that the last figures can be scraped. Answers that are under way are not waited for any longer.
            within(until, move || server.stop().ok());
        }
        if let Some(signals) = &self.signals {
            signals.end_at_next();
        }
        *lock(&self.state) = State::Stopped(report.clone());
        self.changed.notify_all();
        report
    }

    fn stop(&self, until: Instant) -> Report {
        #[cfg(feature = "audit")]
        let audit = {
            // What the log seals last is still to be shipped, so that half of the time is left for that.
            let half = until.saturating_duration_since(Instant::now()) / 2;
            self.observer.close(half)
        };
        #[cfg(feature = "collector")]
        let shipping = {
            // A collector that is away must not use up the time of the exporters.
            let half = until.saturating_duration_since(Instant::now()) / 2;
            self.shipping.stop(until - half)
        };
        let finished = self.pump.finish(until);
        let report = self.report(finished);
        #[cfg(feature = "audit")]
        let report = Report { audit, ..report };
        #[cfg(feature = "collector")]
        let report = Report { shipping, ..report };
        report
    }

    fn report(&self, finished: bool) -> Report {
        Report::of(
            finished,
            &self.destinations,
            &self.missed,
            &self.pipeline.counts(),
        )
    }

    /// What another thread's shutdown comes to.
    fn wait_for_report(&self, state: MutexGuard<'_, State>, until: Instant) -> Report {
        let left = until.saturating_duration_since(Instant::now());
        let stopping = |state: &mut State| !matches!(state, State::Stopped(_));
        let waited = self.changed.wait_timeout_while(state, left, stopping);
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        match &*state {
            State::Stopped(report) => report.clone(),
            _ => self.report(false),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if matches!(*lock(&self.state), State::Stopped(_)) {
            return;
        }
        let report = self.shutdown(self.drop_deadline);
        if !report.is_complete() {
            tracing::dispatcher::with_default(&self.dispatch, || {
                tracing::warn!("telemetry was lost at the end: {report}");
            });
        }
    }
}

/// The end of a deadline; of one that no clock can hold, that of the longest that makes sense.
fn after(deadline: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    Instant::now() + deadline.min(YEAR)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
