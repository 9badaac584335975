//! Ships a log from a thread of its own.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use counterfoil_audit::AuditLog;
use counterfoil_exporter::{Pacer as _, ThreadPacer};

use crate::cursor::beside;
use crate::delivery::Delivery;
use crate::feed::Feed;
use crate::status::Shared;
use crate::worker::Worker;
use crate::{Client, Error, ErrorKind, ShipEvent, ShipReport, ShipState, ShipStatus};

/// Follows an [`AuditLog`] and has a collector keep all of it.
///
/// It sends what is durable here, in order, from where the collector's head is, and takes for delivered what the collector
/// acknowledged as durable there. It reads the log from disk: nothing queues in memory beyond one request, nobody is held up, and what a
/// collector that is away does not get is in the log until it comes back. Dropping it ends shipping without waiting; [`stop`](Self::stop)
/// sends what is left first.
///
/// ```no_run
/// use std::time::Duration;
/// use counterfoil_audit::AuditLog;
/// use counterfoil_exporter_collector::{Client, Key, ShipOptions, Shipper};
///
/// let log = AuditLog::builder("/var/lib/leases/audit", "audit.example.com/leases").open()?;
/// let client = Client::builder("http://127.0.0.1:9468").maybe_key(Key::from_env()?).build()?;
/// let shipper = Shipper::start(&log, client, ShipOptions::default())?;
/// // … the service works …
/// log.close(Duration::from_secs(5));
/// println!("{}", shipper.stop(Duration::from_secs(5)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping it ends shipping"]
pub struct Shipper {
    shared: Arc<Shared>,
    durable: Durable,
}

/// Reads the status of a [`Shipper`] and outlives it.
#[derive(Clone, Debug)]
pub struct ShipStatusReader {
    shared: Arc<Shared>,
    durable: Durable,
}

/// The last durable record of the log, read without the shipping thread.
#[derive(Clone)]
struct Durable(Arc<dyn Fn() -> u64 + Send + Sync>);

impl fmt::Debug for Durable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", (self.0)())
    }
}

/// Settings of a [`Shipper`]; the defaults are right for most.
#[must_use]
pub struct ShipOptions {
    pub(crate) cursor: Option<PathBuf>,
    pub(crate) verifier_key: Option<String>,
    pub(crate) max_request: usize,
    pub(crate) poll: Duration,
    pub(crate) first_delay: Duration,
    pub(crate) longest_delay: Duration,
    pub(crate) fraction: Box<dyn Fn() -> f64 + Send>,
    pub(crate) on_event: Box<dyn Fn(&ShipEvent<'_>) + Send>,
}

impl Default for ShipOptions {
    fn default() -> Self {
        Self {
            cursor: None,
            verifier_key: None,
            max_request: 1 << 20,
            poll: Duration::from_millis(100),
            first_delay: Duration::from_millis(200),
            longest_delay: Duration::from_secs(30),
            fraction: Box::new(|| ThreadPacer.fraction()),
            on_event: Box::new(|_| {}),
        }
    }
}

impl fmt::Debug for ShipOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShipOptions")
            .field("cursor", &self.cursor)
            .field("verifier_key", &self.verifier_key)
            .field("max_request", &self.max_request)
            .finish_non_exhaustive()
    }
}

impl ShipOptions {
    /// Where the cursor is kept: beside the log's directory, with `.shipped` behind its name, unless set. The last checkpoint that the
    /// collector cosigned is kept beside it, with `.cosigned` behind the log's name.
    pub fn cursor(mut self, path: impl Into<PathBuf>) -> Self {
        self.cursor = Some(path.into());
        self
    }

    /// The C2SP verifier key that the chain is registered with: the first one that the log's record 1 names unless set.
    pub fn verifier_key(mut self, key: impl Into<String>) -> Self {
        self.verifier_key = Some(key.into());
        self
    }

    /// Most bytes of one request before it is compressed, which is about what waits in memory: 1 MiB unless set. A single line is
    /// sent however long it is.
    pub const fn max_request(mut self, bytes: usize) -> Self {
        self.max_request = bytes;
        self
    }

    /// How often the log is looked at when everything was sent: every 100 ms unless set.
    pub const fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll = interval;
        self
    }

    /// The delay after the first failed attempt, doubled after each further one up to `longest`: 200 ms and 30 s unless set. Half of
    /// each is left to chance. What the collector asks for with `Retry-After` comes first.
    pub const fn delays(mut self, first: Duration, longest: Duration) -> Self {
        self.first_delay = first;
        self.longest_delay = longest;
        self
    }

    /// Where chance comes from: numbers from 0 to 1.
    pub fn chance(mut self, fraction: impl Fn() -> f64 + Send + 'static) -> Self {
        self.fraction = Box::new(fraction);
        self
    }

    /// Is told what somebody should hear of, on the shipping thread.
    pub fn on_event(mut self, listener: impl Fn(&ShipEvent<'_>) + Send + 'static) -> Self {
        self.on_event = Box::new(listener);
        self
    }
}

impl Shipper {
    /// Starts to ship `log`. Nothing is waited for: a collector that is away is asked again later.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the cursor cannot be read or no thread is to be had.
    pub fn start(log: &AuditLog, client: Client, options: ShipOptions) -> Result<Self, Error> {
        let directory = log.directory();
        let cursor = options.cursor.clone();
        let cursor = cursor.unwrap_or_else(|| beside(directory, ".shipped"));
        let delivery = Delivery::new(client, log.chain().clone(), Some(cursor))?;
        let acknowledged = delivery.acknowledged().map_or(0, |(seq, _)| seq);
        let shared = Arc::new(Shared::new(acknowledged));
        let durable = log.follow(0);
        let durable = Durable(Arc::new(move || durable.behind()));
        let worker = Worker::new(
            Feed::new(log)?,
            delivery,
            Arc::clone(&shared),
            beside(directory, ".cosigned"),
            options,
        );
        thread::Builder::new()
            .name("counterfoil-ship".into())
            .spawn(move || worker.run())
            .map_err(|source| {
                let context = "no thread was to be had; look at the process's limits";
                Error::new(ErrorKind::Io, "start shipping", context).with_source(source)
            })?;
        Ok(Self { shared, durable })
    }

    /// How shipping stands.
    #[must_use]
    pub fn status(&self) -> ShipStatus {
        self.status_reader().read()
    }

    /// A handle that reads [`status`](Self::status) and outlives this one.
    #[must_use]
    pub fn status_reader(&self) -> ShipStatusReader {
        ShipStatusReader {
            shared: Arc::clone(&self.shared),
            durable: self.durable.clone(),
        }
    }

    /// Waits until everything that is durable now is durable at the collector, at most `deadline` long. An attempt is made at once, also
    /// in the middle of a delay.
    #[must_use = "it says what is left"]
    pub fn flush(&self, deadline: Duration) -> ShipReport {
        let target = (self.durable.0)();
        let mut inner = self.shared.lock();
        inner.nudges += 1;
        self.shared.changed.notify_all();
        let waiting = |inner: &mut crate::status::Inner| {
            let unsure = inner.status.state == ShipState::Connecting;
            let wanted = unsure || inner.status.acknowledged < target;
            wanted && !inner.ended && !inner.status.state.is_halted()
        };
        let waited = self
            .shared
            .changed
            .wait_timeout_while(inner, deadline, waiting);
        drop(waited);
        self.report(target)
    }

    /// Sends what is left, at most `deadline` long, and ends. What could not be sent is in the log and goes on after the next start.
    #[must_use = "it says what is left"]
    pub fn stop(&self, deadline: Duration) -> ShipReport {
        let target = (self.durable.0)();
        let mut inner = self.shared.lock();
        let until = Instant::now() + deadline;
        inner.stop = Some(inner.stop.map_or(until, |before| before.min(until)));
        inner.nudges += 1;
        self.shared.changed.notify_all();
        let running = |inner: &mut crate::status::Inner| !inner.ended;
        let waited = self
            .shared
            .changed
            .wait_timeout_while(inner, deadline, running);
        drop(waited);
        self.report(target)
    }

    fn report(&self, target: u64) -> ShipReport {
        let status = self.status();
        ShipReport {
            finished: status.acknowledged >= target,
            status,
        }
    }
}

impl Drop for Shipper {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        inner.stop = Some(Instant::now());
        self.shared.changed.notify_all();
    }
}

impl ShipStatusReader {
    /// How shipping stands.
    #[must_use]
    pub fn read(&self) -> ShipStatus {
        let inner = self.shared.lock();
        let mut status = inner.status.clone();
        if inner.ended && !status.state.is_halted() {
            status.state = ShipState::Stopped;
        }
        drop(inner);
        status.behind = (self.durable.0)().saturating_sub(status.acknowledged);
        if status.behind == 0 {
            status.oldest_unsent = None;
        }
        status
    }
}
