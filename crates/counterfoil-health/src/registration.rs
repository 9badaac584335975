//! A check with its name, its times, and what depends on it.

use std::sync::Arc;
use std::time::Duration;

use crate::{Check, Error, ErrorKind};

/// Which probes a check belongs to. `/health` and the status page show every check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(
    clippy::exhaustive_enums,
    reason = "there are two probes, so there are four answers"
)]
pub enum Scope {
    /// `/readyz`: while it fails, no requests should be sent here. The usual one.
    Readiness,
    /// `/livez`: while it fails, the process should be started anew. Only for what a restart mends, and never for what lies
    /// outside of the process.
    Liveness,
    /// Both.
    Both,
    /// Neither: it is shown, and no probe depends on it.
    Shown,
}

impl Scope {
    /// Whether `/readyz` depends on it.
    #[must_use]
    pub const fn is_readiness(self) -> bool {
        matches!(self, Self::Readiness | Self::Both)
    }

    /// Whether `/livez` depends on it.
    #[must_use]
    pub const fn is_liveness(self) -> bool {
        matches!(self, Self::Liveness | Self::Both)
    }
}

/// A check with its name, its times, and what depends on it.
///
/// Unless told otherwise it is critical, belongs to readiness, has 2 s to answer, and is called 10 s after its last answer.
#[derive(Clone, Debug)]
#[must_use = "a check does nothing until it is given to a registry"]
pub struct Registration {
    pub(crate) name: Arc<str>,
    pub(crate) check: Arc<dyn Check>,
    pub(crate) deadline: Duration,
    pub(crate) interval: Duration,
    pub(crate) scope: Scope,
    pub(crate) critical: bool,
}

impl Registration {
    /// The longest name.
    pub const MAX_NAME: usize = 64;
    /// The shortest interval and the shortest deadline; a shorter one becomes this.
    pub const MIN_TIME: Duration = Duration::from_millis(10);

    /// `check` under `name`: from 1 to 64 of `a-z`, `0-9`, `-`, `_` and `.`, such as `audit-disk`. The registry refuses another
    /// name.
    pub fn new(name: impl AsRef<str>, check: impl Check) -> Self {
        Self {
            name: name.as_ref().into(),
            check: Arc::new(check),
            deadline: Duration::from_secs(2),
            interval: Duration::from_secs(10),
            scope: Scope::Readiness,
            critical: true,
        }
    }

    /// How long an answer may take, at least [`MIN_TIME`](Self::MIN_TIME). 2 s unless set.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.max(Self::MIN_TIME);
        self
    }

    /// How long to wait after an answer before asking again, at least [`MIN_TIME`](Self::MIN_TIME). 10 s unless set.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Self::MIN_TIME);
        self
    }

    /// Which probes it belongs to. [`Scope::Readiness`] unless set.
    pub const fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Whatever it finds, the whole is degraded by it at most: the service does its work without this.
    pub const fn degrading(mut self) -> Self {
        self.critical = false;
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// After so long without a result the last one is not believed any more.
    pub(crate) fn stale_after(&self) -> Duration {
        self.interval
            .saturating_mul(3)
            .saturating_add(self.deadline)
    }

    pub(crate) fn require_valid_name(&self, operation: &'static str) -> Result<(), Error> {
        let of_a_name = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
        if (1..=Self::MAX_NAME).contains(&self.name.len()) && self.name.bytes().all(of_a_name) {
            return Ok(());
        }
        let context = format!(
            "{:?} is no name of a check; use from 1 to 64 of a-z, 0-9, '-', '_' and '.', such as audit-disk",
            self.name
        );
        Err(Error::new(ErrorKind::InvalidName, operation, context, None))
    }
}
