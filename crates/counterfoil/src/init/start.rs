//! Putting the pieces together.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use counterfoil_core::names;
use counterfoil_exporter::Signals as Taken;
use counterfoil_health::{Health, Registration};
use counterfoil_metrics::{Observed, Registry};
use tokio::runtime::Handle;
use tracing::Dispatch;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;

use super::destination::{self, Destination};
use super::events_page::EventsPage;
use super::filter::{Filter, with_requests};
use super::guard::State;
#[cfg(feature = "audit")]
use super::log_opened;
use super::pump::{Ears, Pump};
use super::signals::Signals;
use super::sources::Sources;
use super::{Config, Draining, Guard, PanicHook, START, panic_hook, process, runtime, scrape};
use crate::health::{CLOCK_LIMITS, EXPORTER_LIMITS, clock_steps, exporter_lag, operations};
use crate::trace::{LogLines, LogWriter, Pipeline};
use crate::{Error, ErrorKind, Observer};

/// Spans and log records of one second that wait to be taken to the exporters, each.
const WAITING: usize = 16_384;
/// The smallest queue of an exporter: two batches.
const SMALLEST_QUEUE: usize = 1_024;

/// Starts everything that `config` asks for. The module's documentation shows how.
///
/// # Errors
/// [`AlreadyInstalled`](ErrorKind::AlreadyInstalled) at a second call, or when another crate has set a subscriber or a recorder
/// before; [`InvalidConfig`](ErrorKind::InvalidConfig) for a filter or a check that is none;
/// [`AddressTaken`](ErrorKind::AddressTaken) when another process listens where metrics are to be served;
/// [`System`](ErrorKind::System) when the operating system refuses a socket, a thread or a signal handler. Nothing is left running
/// then.
pub fn init(config: Config) -> Result<Guard, Error> {
    if !config.globals {
        return start(config);
    }
    let claim = Claim::take()?;
    let guard = start(config)?;
    claim.keep();
    Ok(guard)
}

fn start(mut config: Config) -> Result<Guard, Error> {
    let filter = Filter::parse(config.log_filter.as_ref())?;
    let observer = match config.observer.take() {
        Some(observer) => observer,
        None => Observer::builder().build()?,
    };
    let destinations = destinations(&mut config)?;
    let pipeline = pipeline(&mut config, &observer, &destinations);
    let health = health(&mut config, &observer, &destinations)?;
    let spans_are_taken = destinations.iter().any(|it| it.takes(Taken::SPANS));
    let filter = with_requests(filter, spans_are_taken || config.span_close);
    let dispatch = dispatch(filter, &pipeline);
    let draining = draining(&health, &dispatch);
    let server = match config.metrics_address {
        Some(address) => {
            let events = config.events_page.then(|| EventsPage {
                observer: observer.clone(),
                redact: Arc::clone(&config.redact),
            });
            Some(scrape::start(&observer, &health, events, address)?)
        }
        None => None,
    };
    let metrics_address = server.as_ref().map(|server| server.address());
    let sources = Sources::new(observer.clone(), pipeline.clone(), config.metrics_interval);
    #[cfg(feature = "audit")]
    let sources = match config.sealed_after {
        Some(after) => sources.sealed_after(after),
        None => sources,
    };
    let missed = Arc::clone(sources.missed());
    let ears = Ears {
        health: health.clone(),
        dispatch: dispatch.clone(),
    };
    let pump = Pump::start(sources, Arc::clone(&destinations), ears)
        .map_err(|source| refused("no thread is to be had for the exporters", source))?;
    let registry = observer.registry();
    let mut observed = observed(registry, &config, &health);
    observed.push(pipeline.observe(registry));
    observed.push(destination::observe(registry, &destinations, &missed));
    let shipping = std::mem::take(&mut config.shipping).start(&observer, &dispatch)?;
    let mut signals = None;
    if config.globals {
        observed.extend(install(&config, &observer, &pump, &dispatch)?);
        signals = watch_signals(&config, &draining)?;
    }
    tracing::dispatcher::with_default(&dispatch, || {
        greet(&config, metrics_address);
        #[cfg(feature = "audit")]
        if let Some(log) = observer.audit() {
            log_opened::tell(log.opened());
        }
    });
    Ok(Guard {
        observer,
        health,
        draining,
        dispatch,
        pipeline,
        pump,
        destinations,
        missed,
        shipping,
        metrics_address,
        signals,
        drop_deadline: config.drop_deadline,
        observed: Mutex::new(observed),
        state: Mutex::new(State::Running { server }),
        changed: Condvar::new(),
    })
}

/// Everything that telemetry is sent to.
fn destinations(config: &mut Config) -> Result<Arc<[Destination]>, Error> {
    let sources = Taken::METRICS | Taken::EVENTS | Taken::SPANS | Taken::LOGS;
    let wanted = match config.sealed_after {
        Some(_) => sources | Taken::SEALED,
        None => sources,
    };
    let mut exporters = config
        .otlp
        .exporters(&config.service_name, &config.service_version)?;
    exporters.append(&mut config.exporters);
    let mut names = BTreeSet::new();
    if let Some((name, _)) = exporters
        .iter()
        .find(|(name, _)| !names.insert(check_name(name)))
    {
        let context = format!("there are two exporters {name:?}; give one of them another name");
        return Err(Error::new(ErrorKind::InvalidConfig, START, context));
    }
    let queue = config.queue.max(SMALLEST_QUEUE);
    let made = exporters.into_iter().map(|(name, exporter)| {
        Destination::new(&name, exporter, wanted, Arc::clone(&config.redact), queue).map_err(
            |error| {
                let context = format!("the exporter {name:?} cannot be started");
                Error::new(ErrorKind::System, START, context).with_source(error)
            },
        )
    });
    made.collect()
}

/// What becomes of spans and log lines. What no exporter takes is not even recorded.
fn pipeline(config: &mut Config, observer: &Observer, to: &[Destination]) -> Pipeline {
    let writer = config.log_writer.take().unwrap_or_else(LogWriter::stderr);
    let lines = LogLines::new(config.log_format, writer).span_close(config.span_close);
    let mut builder = Pipeline::builder()
        .log_lines(lines)
        .ring(observer)
        .redact(Arc::clone(&config.redact))
        .head_sampler(config.head_sampler);
    if to.iter().any(|it| it.takes(Taken::SPANS)) {
        builder = builder.spans(WAITING);
        if let Some(sampler) = config.tail_sampler.take() {
            builder = builder.tail_sampler(sampler);
        }
    }
    if to.iter().any(|it| it.takes(Taken::LOGS)) {
        builder = builder.log_records(WAITING);
    }
    builder.build()
}

/// The checks that were given, and those of everything that there is.
fn health(
    config: &mut Config,
    observer: &Observer,
    to: &Arc<[Destination]>,
) -> Result<Health, Error> {
    let mut checks: Vec<Registration> = std::mem::take(&mut config.checks);
    for at in 0..to.len() {
        let of = Arc::clone(to);
        let name = check_name(of[at].name());
        let figures = move || of[at].figures();
        checks.push(exporter_lag(name, figures, EXPORTER_LIMITS));
    }
    checks.extend(of_log_or_clock(observer));
    Health::builder(&config.service_name, &config.service_version)
        .redact(Arc::clone(&config.redact))
        .aggregates(operations(observer))
        .checks(checks)
        .start()
        .map_err(|error| {
            let context = "the health checks cannot be started";
            Error::new(ErrorKind::InvalidConfig, START, context).with_source(error)
        })
}

/// What the check of an exporter is called.
fn check_name(exporter: &str) -> String {
    let plain = |c: char| {
        let c = c.to_ascii_lowercase();
        let fits = c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.');
        if fits { c } else { '-' }
    };
    let name = exporter.chars().map(plain).take(50);
    "export-".chars().chain(name).collect()
}

/// The checks of the audit log, that of its clock among them; of the clock alone where there is no log.
fn of_log_or_clock(observer: &Observer) -> Vec<Registration> {
    #[cfg(feature = "audit")]
    if let Some(log) = observer.audit() {
        return crate::health::of_audit_log(log);
    }
    vec![clock_steps(Arc::clone(observer.clock()), CLOCK_LIMITS)]
}

fn draining(health: &Health, dispatch: &Dispatch) -> Draining {
    let (health, dispatch) = (health.clone(), dispatch.clone());
    Draining::new(move || {
        health.drain();
        tracing::dispatcher::with_default(&dispatch, || {
            tracing::info!("draining: no new work, and an end when what is under way is done");
        });
    })
}

fn dispatch(filter: EnvFilter, pipeline: &Pipeline) -> Dispatch {
    let subscriber = tracing_subscriber::registry()
        .with(filter)
        .with(pipeline.layer());
    Dispatch::new(subscriber)
}

/// What snapshots show of the service, its process, its health and its runtime.
fn observed(registry: &Registry, config: &Config, health: &Health) -> Vec<Observed> {
    let labels = [
        config.service_name.clone(),
        config.service_version.clone(),
        env!("CARGO_PKG_VERSION").to_owned(),
    ];
    let build = registry.observe(move |out| {
        let labels = labels.each_ref().map(String::as_str);
        out.gauge(&names::BUILD_INFO, &labels, 1.0);
    });
    let mut observed = vec![
        build,
        process::observe(registry),
        crate::figures::of_health(registry, health.reader()),
    ];
    if let Ok(current) = Handle::try_current() {
        observed.push(runtime::observe(registry, &current));
    }
    observed
}

/// Takes the places that a process has one of each.
fn install(
    config: &Config,
    observer: &Observer,
    pump: &Pump,
    dispatch: &Dispatch,
) -> Result<Option<Observed>, Error> {
    if config.recorder {
        observer.registry().install().map_err(|error| {
            let context = "another crate has installed a recorder for the crate `metrics`; do without that, or call metrics_recorder(false)";
            Error::new(ErrorKind::AlreadyInstalled, START, context).with_source(error)
        })?;
    }
    tracing::dispatcher::set_global_default(dispatch.clone()).map_err(|_| subscriber_is_set())?;
    #[cfg(feature = "log")]
    bridge_log()?;
    if config.panic_hook == PanicHook::Off {
        return Ok(None);
    }
    panic_hook::install(observer.registry(), pump.clone(), config.panic_hook)
        .map(Some)
        .map_err(|source| refused("no thread is to be had for the panic hook", source))
}

/// Has what libraries log through the crate `log` reach the subscriber, and costs what it has no use for nothing.
#[cfg(feature = "log")]
fn bridge_log() -> Result<(), Error> {
    use tracing_log::{AsLog, LogTracer};

    let level = tracing::level_filters::LevelFilter::current().as_log();
    let bridge = LogTracer::builder().with_max_level(level);
    bridge.init().map_err(|error| {
        let context = "another crate has installed a logger for the crate `log`; do without that, or without the feature log";
        Error::new(ErrorKind::AlreadyInstalled, START, context).with_source(error)
    })
}

fn watch_signals(config: &Config, draining: &Draining) -> Result<Option<Signals>, Error> {
    if !config.signals {
        return Ok(None);
    }
    Signals::watch(draining.clone())
        .map(Some)
        .map_err(|source| refused("SIGTERM and SIGINT cannot be watched", source))
}

fn greet(config: &Config, metrics_address: Option<SocketAddr>) {
    let (service, version) = (&config.service_name, &config.service_version);
    match metrics_address {
        Some(address) => tracing::info!(
            service.name = service,
            service.version = version,
            "telemetry has started; metrics and health are at http://{address}/metrics and http://{address}/status"
        ),
        None => tracing::info!(
            service.name = service,
            service.version = version,
            "telemetry has started"
        ),
    }
}

fn refused(context: &str, source: std::io::Error) -> Error {
    Error::new(ErrorKind::System, START, context).with_source(source)
}

fn subscriber_is_set() -> Error {
    let context = "another crate has set a global `tracing` subscriber; do without that, or call without_globals";
    Error::new(ErrorKind::AlreadyInstalled, START, context)
}

/// Whether `init` has been called in this process. Given back when it fails.
struct Claim(());

static CLAIMED: AtomicBool = AtomicBool::new(false);

impl Claim {
    fn take() -> Result<Self, Error> {
        if CLAIMED.swap(true, Ordering::AcqRel) {
            let context = "init was called before in this process, and what it installs is there once; keep the first guard, and in tests call without_globals";
            return Err(Error::new(ErrorKind::AlreadyInstalled, START, context));
        }
        let claim = Self(());
        if tracing::dispatcher::has_been_set() {
            return Err(subscriber_is_set());
        }
        Ok(claim)
    }

    fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        CLAIMED.store(false, Ordering::Release);
    }
}
