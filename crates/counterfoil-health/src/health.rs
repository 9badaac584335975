//! The registry.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use std::{fmt, io};

use counterfoil_core::{Clock, Redact, Redactor, SystemClock, Ticks};
use tokio::sync::mpsc;

use crate::recent::RecentErrors;
use crate::slot::{Slot, clean};
use crate::{Error, ErrorKind, Figure, Outcome, Registration, Report, blocking, worker};

/// The most checks of a registry; further ones are refused.
pub const MAX_CHECKS: usize = 128;

/// Settings of a registry of checks.
#[must_use = "no check runs before the registry is started"]
pub struct HealthBuilder {
    service: Arc<str>,
    version: Arc<str>,
    clock: Arc<dyn Clock>,
    redact: Arc<dyn Redact>,
    recent_errors: usize,
    registrations: Vec<Registration>,
    aggregates: Option<Registration>,
}

impl HealthBuilder {
    /// Adds a check.
    pub fn check(mut self, registration: Registration) -> Self {
        self.registrations.push(registration);
        self
    }

    /// Adds these checks.
    pub fn checks(mut self, registrations: impl IntoIterator<Item = Registration>) -> Self {
        self.registrations.extend(registrations);
        self
    }

    /// Where figures of the service as a whole come from: rates, latencies, totals. `read` is called every ten seconds on a
    /// thread apart and may block; of its figures [`Outcome::MAX_FIGURES`] are kept.
    pub fn aggregates<F>(mut self, read: F) -> Self
    where
        F: Fn() -> Vec<Figure> + Send + Sync + 'static,
    {
        let look = blocking(move || Outcome::healthy().with_all(read()));
        self.aggregates = Some(Registration::new("aggregates", look));
        self
    }

    /// Where ages and durations come from: the machine's clocks unless set. Deadlines also run on tokio's own timers.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// What takes sensitive values out of messages: the default [`Redactor`] unless told.
    pub fn redact(mut self, redact: impl Redact) -> Self {
        self.redact = Arc::new(redact);
        self
    }

    /// How many recent errors are kept. 10 unless set; 0 keeps none.
    pub const fn recent_errors(mut self, most: usize) -> Self {
        self.recent_errors = most;
        self
    }

    /// Starts the thread that calls the checks, each at once.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidName`], [`ErrorKind::NameTaken`] and [`ErrorKind::TooMany`] when a check cannot be registered,
    /// [`ErrorKind::Thread`] when no thread can be started.
    pub fn start(self) -> Result<Health, Error> {
        const OPERATION: &str = "start the health checks";
        let (sender, receiver) = mpsc::channel(MAX_CHECKS + 1);
        let shared = Arc::new(Shared {
            started: self.clock.ticks(),
            service: self.service,
            version: self.version,
            clock: self.clock,
            redact: self.redact,
            recent: RecentErrors::new(self.recent_errors),
            draining: AtomicBool::new(false),
            slots: Mutex::default(),
            aggregates: Mutex::default(),
        });
        worker::start(Arc::clone(&shared), receiver, MAX_CHECKS + 1)
            .map_err(|source| no_thread(OPERATION, Some(source)))?;
        let health = Health {
            inner: Arc::new(Inner { shared, sender }),
        };
        if let Some(aggregates) = self.aggregates {
            let slot = Arc::new(Slot::new(aggregates, health.shared().clock.ticks()));
            health.send(&slot, OPERATION)?;
            *lock(&health.shared().aggregates) = Some(slot);
        }
        for registration in self.registrations {
            health.register(registration)?;
        }
        Ok(health)
    }
}

impl fmt::Debug for HealthBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthBuilder")
            .field("service", &self.service)
            .field("registrations", &self.registrations)
            .finish_non_exhaustive()
    }
}

/// A registry of named checks, which are called on a thread of their own and whose results are kept.
///
/// Cheap to clone; the checks end with the last clone. Reading never waits for a check.
#[derive(Clone)]
pub struct Health {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    /// Its end is the thread's.
    sender: mpsc::Sender<Arc<Slot>>,
}

/// What the registry and its thread share.
pub(crate) struct Shared {
    started: Ticks,
    service: Arc<str>,
    version: Arc<str>,
    pub(crate) clock: Arc<dyn Clock>,
    redact: Arc<dyn Redact>,
    pub(crate) recent: RecentErrors,
    draining: AtomicBool,
    slots: Mutex<Vec<Arc<Slot>>>,
    aggregates: Mutex<Option<Arc<Slot>>>,
}

/// Reads the reports of a registry as long as somebody else keeps it.
#[derive(Clone)]
pub struct ReportReader(Weak<Inner>);

impl ReportReader {
    /// How everything stands now; `None` once the registry is gone.
    #[must_use]
    pub fn read(&self) -> Option<Report> {
        let inner = self.0.upgrade()?;
        Some(Health { inner }.report())
    }
}

impl fmt::Debug for ReportReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReportReader").finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn redact(&self) -> &dyn Redact {
        &*self.redact
    }
}

impl Health {
    /// A registry for `service` in this version, which the pages show.
    pub fn builder(service: impl AsRef<str>, version: impl AsRef<str>) -> HealthBuilder {
        HealthBuilder {
            service: service.as_ref().into(),
            version: version.as_ref().into(),
            clock: Arc::new(SystemClock::new()),
            redact: Arc::new(Redactor::new()),
            recent_errors: 10,
            registrations: Vec::new(),
            aggregates: None,
        }
    }

    /// Adds a check and calls it at once.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidName`]; [`ErrorKind::NameTaken`] when there is a check of this name; [`ErrorKind::TooMany`] when
    /// there are [`MAX_CHECKS`]; [`ErrorKind::Thread`] when the thread of the checks has ended.
    pub fn register(&self, registration: Registration) -> Result<(), Error> {
        const OPERATION: &str = "register a health check";
        registration.require_valid_name(OPERATION)?;
        let mut slots = lock(&self.shared().slots);
        let taken = |slot: &Arc<Slot>| slot.registration.name == registration.name;
        if slots.iter().any(taken) {
            let context = format!(
                "there is a check {:?} already; choose another name",
                registration.name
            );
            return Err(Error::new(ErrorKind::NameTaken, OPERATION, context, None));
        }
        if slots.len() == MAX_CHECKS {
            let context =
                format!("there are {MAX_CHECKS} of them; let one check look at several things");
            return Err(Error::new(ErrorKind::TooMany, OPERATION, context, None));
        }
        let slot = Arc::new(Slot::new(registration, self.shared().clock.ticks()));
        self.send(&slot, OPERATION)?;
        slots.push(slot);
        Ok(())
    }

    /// Keeps an error among the recent ones, redacted and cut. `source` says in a word where it comes from.
    pub fn record_error(&self, source: impl AsRef<str>, message: impl Into<String>) {
        let shared = self.shared();
        let source = clean(source.as_ref().to_owned(), shared.redact());
        let message = clean(message.into(), shared.redact());
        shared
            .recent
            .push(shared.clock.utc(), source.into(), message);
    }

    /// The service is about to stop: from now on `/readyz` answers 503, so that nobody sends new work, while all else goes on.
    /// Give balancers the time to notice before the listener is closed. There is no way back.
    pub fn drain(&self) {
        self.shared().draining.store(true, Ordering::Release);
    }

    /// How everything stands now. It never waits for a check.
    #[must_use]
    pub fn report(&self) -> Report {
        let shared = self.shared();
        let now = shared.clock.ticks();
        let slots = lock(&shared.slots).clone();
        let aggregates = lock(&shared.aggregates).clone();
        Report {
            service: Arc::clone(&shared.service),
            version: Arc::clone(&shared.version),
            time: shared.clock.utc(),
            uptime: Duration::from_nanos(now.0.saturating_sub(shared.started.0)),
            draining: shared.draining.load(Ordering::Acquire),
            checks: slots.iter().map(|slot| slot.read(now)).collect(),
            aggregates: aggregates.map_or_else(Vec::new, |slot| slot.read(now).figures),
            recent_errors: shared.recent.read(),
        }
    }

    /// A handle that reads reports and keeps neither the registry nor its checks alive: for the callback of a metric, say.
    #[must_use]
    pub fn reader(&self) -> ReportReader {
        ReportReader(Arc::downgrade(&self.inner))
    }

    fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    fn send(&self, slot: &Arc<Slot>, operation: &'static str) -> Result<(), Error> {
        let sent = self.inner.sender.try_send(Arc::clone(slot));
        sent.map_err(|_ended| no_thread(operation, None))
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Health").field(&self.report()).finish()
    }
}

fn no_thread(operation: &'static str, source: Option<io::Error>) -> Error {
    let context = match source {
        Some(_) => "no thread can be started for them; raise the limit on threads",
        None => "their thread has ended; start a registry anew",
    };
    Error::new(ErrorKind::Thread, operation, context.into(), source)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded is replaced or pushed to in one step, so it is whole after a panic as well.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
