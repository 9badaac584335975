//! How everything stands at one moment: what the pages are made of.

use std::sync::Arc;
use std::time::Duration;

use counterfoil_core::Timestamp;

use crate::{Figure, RecentError, Scope, Status};

/// Why a check has the status that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The check said so.
    Answered,
    /// It has not answered by its deadline.
    TimedOut,
    /// It panicked.
    Panicked,
    /// It was not called yet, or its first call is under way.
    Pending,
    /// Its last answer is too old to be believed: the checks do not run.
    Stale,
}

impl Cause {
    /// The word, as documents have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::TimedOut => "timed_out",
            Self::Panicked => "panicked",
            Self::Pending => "pending",
            Self::Stale => "stale",
        }
    }
}

/// How one check stands.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CheckReport {
    /// Its name.
    pub name: Arc<str>,
    /// How it stands.
    pub status: Status,
    /// Why.
    pub cause: Cause,
    /// What there is to say about it, redacted and cut, not escaped.
    pub message: Option<String>,
    /// What it showed at its last answer.
    pub figures: Vec<Figure>,
    /// Which probes it belongs to.
    pub scope: Scope,
    /// Whether the whole fails when it fails.
    pub critical: bool,
    /// How old its last result is; `None` before the first.
    pub age: Option<Duration>,
    /// How long its last call took, up to the deadline; `None` before the first.
    pub duration: Option<Duration>,
    /// Calls that have ended, in whatever way.
    pub runs: u64,
    /// Calls that ended in [`Status::Unhealthy`], time-outs and panics among them.
    pub failures: u64,
    /// Calls that did not answer by the deadline.
    pub timeouts: u64,
}

impl CheckReport {
    /// What it makes of the whole: its status, and no worse than degraded when it is not critical.
    #[must_use]
    pub fn effect(&self) -> Status {
        if self.critical {
            self.status
        } else {
            self.status.min(Status::Degraded)
        }
    }
}

/// How everything stands at one moment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The service.
    pub service: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// When this was read.
    pub time: Timestamp,
    /// Since when the service runs, from when its registry was made.
    pub uptime: Duration,
    /// Whether the service is shutting down and takes no new work.
    pub draining: bool,
    /// Every check, in the order of registration.
    pub checks: Vec<CheckReport>,
    /// What the service as a whole has done: rates, latencies, totals. Never about a single request.
    pub aggregates: Vec<Figure>,
    /// The last errors, the newest first.
    pub recent_errors: Vec<RecentError>,
}

impl Report {
    /// How the whole stands: as badly as the worst effect of a check, and healthy when there is none.
    #[must_use]
    pub fn status(&self) -> Status {
        worst(self.checks.iter())
    }

    /// Whether the process should live on: no check of liveness is unhealthy in effect. One that is not known yet does not
    /// count, because a restart would not make it known.
    #[must_use]
    pub fn is_live(&self) -> bool {
        worst(self.of_liveness()) != Status::Unhealthy
    }

    /// Whether requests may be sent here: the service is not draining, and each check of readiness is known and not unhealthy
    /// in effect.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.draining && worst(self.of_readiness()).is_serving()
    }

    /// The checks that `/livez` depends on.
    pub fn of_liveness(&self) -> impl Iterator<Item = &CheckReport> {
        self.checks.iter().filter(|check| check.scope.is_liveness())
    }

    /// The checks that `/readyz` depends on.
    pub fn of_readiness(&self) -> impl Iterator<Item = &CheckReport> {
        self.checks
            .iter()
            .filter(|check| check.scope.is_readiness())
    }
}

/// The worst effect; healthy when there is no check.
fn worst<'a>(checks: impl Iterator<Item = &'a CheckReport>) -> Status {
    checks
        .map(CheckReport::effect)
        .max()
        .unwrap_or(Status::Healthy)
}
