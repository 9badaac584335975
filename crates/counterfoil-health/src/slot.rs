//! A registered check and what is known of it.
//!
//! What a slot says is worked out when it is read, from the clock: a call that is past its deadline has timed out, and a result
//! that is too old is not believed, even if the thread that runs the checks were stuck.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use counterfoil_core::{Redact, Ticks};

use crate::{Cause, CheckReport, Figure, Outcome, Registration, Status};

/// A registered check and what is known of it.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) registration: Registration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    registered: Ticks,
    running_since: Option<Ticks>,
    last: Option<Result>,
    runs: u64,
    failures: u64,
    timeouts: u64,
}

#[derive(Clone, Debug)]
struct Result {
    at: Ticks,
    took: Duration,
    cause: Cause,
    status: Status,
    message: Option<String>,
    figures: Vec<Figure>,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Answered(Outcome),
    TimedOut,
    Panicked(String),
}

impl Slot {
    pub(crate) fn new(registration: Registration, now: Ticks) -> Self {
        Self {
            registration,
            state: Mutex::new(State {
                registered: now,
                running_since: None,
                last: None,
                runs: 0,
                failures: 0,
                timeouts: 0,
            }),
        }
    }

    /// A call begins.
    pub(crate) fn begin(&self, now: Ticks) {
        self.state().running_since = Some(now);
    }

    /// A call has ended. Returns what went wrong when the check is unhealthy and was not before.
    pub(crate) fn finish(&self, ended: Ended, now: Ticks, redact: &dyn Redact) -> Option<String> {
        let (cause, outcome) = match ended {
            Ended::Answered(outcome) => (Cause::Answered, outcome),
            Ended::TimedOut => (Cause::TimedOut, Outcome::unhealthy(self.no_answer())),
            Ended::Panicked(text) => {
                let message = format!("the check panicked: {text}");
                (Cause::Panicked, Outcome::unhealthy(message))
            }
        };
        let (status, message, figures) = outcome.into_parts();
        let message = message.map(|text| clean(text, redact));
        let mut state = self.state();
        let before = state.last.as_ref().map(|last| last.status);
        let began = state.running_since.take().unwrap_or(now);
        state.runs += 1;
        state.failures += u64::from(status == Status::Unhealthy);
        state.timeouts += u64::from(cause == Cause::TimedOut);
        state.last = Some(Result {
            at: now,
            took: since(began, now),
            cause,
            status,
            message: message.clone(),
            figures,
        });
        let has_failed = status == Status::Unhealthy && before != Some(Status::Unhealthy);
        has_failed.then(|| message.unwrap_or_else(|| "the check failed".into()))
    }

    /// How the check stands at `now`.
    pub(crate) fn read(&self, now: Ticks) -> CheckReport {
        let state = self.state();
        let last = state.last.clone();
        let mut report = CheckReport {
            name: Arc::clone(&self.registration.name),
            status: Status::Unknown,
            cause: Cause::Pending,
            message: None,
            figures: Vec::new(),
            scope: self.registration.scope,
            critical: self.registration.critical,
            age: last.as_ref().map(|last| since(last.at, now)),
            duration: last.as_ref().map(|last| last.took),
            runs: state.runs,
            failures: state.failures,
            timeouts: state.timeouts,
        };
        let running = state.running_since.map(|began| since(began, now));
        let silent = since(last.as_ref().map_or(state.registered, |last| last.at), now);
        drop(state);
        if running.is_some_and(|time| time > self.registration.deadline) {
            report.status = Status::Unhealthy;
            report.cause = Cause::TimedOut;
            report.message = Some(self.no_answer());
        } else if silent > self.registration.stale_after() {
            report.cause = Cause::Stale;
            let silent = silent.as_secs();
            report.message = Some(format!("no result for {silent} s: the checks do not run"));
        } else if let Some(last) = last {
            report.status = last.status;
            report.cause = last.cause;
            report.message = last.message;
            report.figures = last.figures;
        }
        report
    }

    fn no_answer(&self) -> String {
        format!("no answer within {:?}", self.registration.deadline)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete before anything could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `text` redacted and cut to what is kept of a message.
pub(crate) fn clean(text: String, redact: &dyn Redact) -> String {
    const CUT: &str = " [cut]";
    let redacted = redact.redact(&text);
    let mut text = redacted.unwrap_or(text);
    if text.len() > Outcome::MAX_MESSAGE {
        text.truncate(text.floor_char_boundary(Outcome::MAX_MESSAGE - CUT.len()));
        text.push_str(CUT);
    }
    text
}

/// The time between two readings, zero when the later is not later.
const fn since(earlier: Ticks, later: Ticks) -> Duration {
    Duration::from_nanos(later.0.saturating_sub(earlier.0))
}
