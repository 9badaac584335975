//! What `init` is told.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_core::{HeadSampler, Redact, Redactor};
use counterfoil_exporter::Exporter;
use counterfoil_exporter_prometheus::DEFAULT_ADDRESS;
use counterfoil_health::Registration;

use super::env::Env;
use super::filter::Filter;
use super::otlp::Otlp;
use super::shipping::Shipping;
use crate::trace::{LogFormat, LogWriter, TailSampler};
use crate::{Error, Observer};

/// What happens when a thread panics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PanicHook {
    /// The panic is logged, counted and flushed; then the hook that was there before is called. Unless somebody set one, that
    /// is the standard library's, which writes the text of the panic to standard error as it is, neither redacted nor escaped.
    #[default]
    Chain,
    /// The same without the hook before: nothing but the log line.
    Replace,
    /// Panics are left alone, and `counterfoil_panic_seen_total` is not shown: a 0 would say that there were none.
    Off,
}

/// Settings of [`init`](super::init). What is not set has a default that works: log lines as text on standard error, metrics and
/// health pages at 127.0.0.1:9464, an observer without an audit log, nothing contacted.
///
/// What is said later counts: code, then the environment, then the command line, written in this order, give operators the last
/// word.
///
/// ```
/// use counterfoil::init::Config;
/// let config = Config::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
///     .span_close(true)
///     .env()?;
/// # Ok::<(), counterfoil::Error>(())
/// ```
#[must_use = "nothing is started before it is given to `init`"]
pub struct Config {
    pub(crate) service_name: String,
    pub(crate) service_version: String,
    pub(crate) observer: Option<Observer>,
    pub(crate) log_filter: Option<Filter>,
    pub(crate) log_format: LogFormat,
    pub(crate) log_writer: Option<LogWriter>,
    pub(crate) span_close: bool,
    pub(crate) metrics_address: Option<SocketAddr>,
    pub(crate) events_page: bool,
    pub(crate) metrics_interval: Duration,
    pub(crate) head_sampler: HeadSampler,
    pub(crate) tail_sampler: Option<TailSampler>,
    pub(crate) redact: Arc<dyn Redact>,
    pub(crate) otlp: Otlp,
    pub(crate) shipping: Shipping,
    pub(crate) exporters: Vec<(String, Box<dyn Exporter>)>,
    pub(crate) queue: usize,
    pub(crate) sealed_after: Option<u64>,
    pub(crate) checks: Vec<Registration>,
    pub(crate) panic_hook: PanicHook,
    pub(crate) signals: bool,
    pub(crate) recorder: bool,
    pub(crate) globals: bool,
    pub(crate) drop_deadline: Duration,
}

impl Config {
    /// The defaults, for a service of this name and version. Nothing is read from the environment: see [`env`](Self::env).
    pub fn new(service_name: impl Into<String>, service_version: impl Into<String>) -> Self {
        Self {
            service_name: service_name.into(),
            service_version: service_version.into(),
            observer: None,
            log_filter: None,
            log_format: LogFormat::Text,
            log_writer: None,
            span_close: false,
            metrics_address: Some(DEFAULT_ADDRESS),
            events_page: false,
            metrics_interval: Duration::from_secs(60),
            head_sampler: HeadSampler::ALL,
            tail_sampler: None,
            redact: Arc::new(Redactor::new()),
            otlp: Otlp::default(),
            shipping: Shipping::default(),
            exporters: Vec::new(),
            queue: 16_384,
            sealed_after: None,
            checks: Vec::new(),
            panic_hook: PanicHook::Chain,
            signals: false,
            recorder: true,
            globals: true,
            drop_deadline: Duration::from_secs(5),
        }
    }

    /// The defaults and what the environment says; the service goes by the name of the program unless `OTEL_SERVICE_NAME` names
    /// it.
    ///
    /// # Errors
    /// As [`env`](Self::env).
    pub fn from_env() -> Result<Self, Error> {
        let program = std::env::current_exe().ok();
        let name = program
            .as_deref()
            .and_then(|path| path.file_stem())
            .map_or_else(
                || "unknown_service".into(),
                |name| name.to_string_lossy().into_owned(),
            );
        Self::new(name, "").env()
    }

    /// Takes over what the environment says.
    ///
    /// | variable | sets |
    /// |---|---|
    /// | `RUST_LOG` | which log lines and spans are wanted, `info` unless set |
    /// | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | name, version and whatever else describes the service |
    /// | `OTEL_EXPORTER_PROMETHEUS_HOST`, `OTEL_EXPORTER_PROMETHEUS_PORT` | the listener for metrics and health; one of them alone leaves the other half as the code has set it |
    /// | `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | which traces are recorded |
    /// | `OTEL_METRIC_EXPORT_INTERVAL` | how often exporters get metrics, in milliseconds; 60000 unless set |
    /// | `COUNTERFOIL_COLLECTOR_URL`, `COUNTERFOIL_KEY` | the collector that the audit log is shipped to, and the key for it, with the feature `collector` |
    /// | `OTEL_EXPORTER_OTLP_…`, `OTEL_{TRACES,METRICS,LOGS}_EXPORTER`, `OTEL_SDK_DISABLED` | export over OTLP, with the feature `otlp` |
    ///
    /// An empty value stands for none. Nothing is exported over OTLP unless an endpoint is set or an exporter says `otlp`.
    ///
    /// # Errors
    /// [`InvalidConfig`](crate::ErrorKind::InvalidConfig) names the variable that is wrong,
    /// [`MissingFeature`](crate::ErrorKind::MissingFeature) the feature that a variable asks for.
    pub fn env(self) -> Result<Self, Error> {
        self.env_from(|name| std::env::var_os(name))
    }

    /// Takes over what `lookup` says of the variables of [`env`](Self::env).
    ///
    /// # Errors
    /// As [`env`](Self::env).
    pub fn env_from(mut self, lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let env = Env(&lookup);
        if let Some(text) = env.text("RUST_LOG")? {
            let from = "RUST_LOG";
            self.log_filter = Some(Filter { text, from });
        }
        let (name, version) = env.service()?;
        self.service_name = name.unwrap_or(self.service_name);
        self.service_version = version.unwrap_or(self.service_version);
        let unless = self.metrics_address.unwrap_or(DEFAULT_ADDRESS);
        if let Some(address) = env.metrics_address(unless)? {
            self.metrics_address = Some(address);
        }
        if let Some(interval) = env.metrics_interval()? {
            self.metrics_interval = interval;
        }
        if let Some(sampler) = env.sampler()? {
            self.head_sampler = sampler;
        }
        self.otlp = Otlp::from_env(&env)?;
        self.shipping.env(&env)?;
        Ok(self)
    }

    /// Takes over what the command line says.
    #[cfg(feature = "clap")]
    pub fn args(mut self, args: &super::Args) -> Self {
        if let Some(format) = args.log_format {
            self.log_format = format;
        }
        match args.metrics_port {
            None => self,
            Some(super::MetricsPort::Off) => self.without_listener(),
            Some(super::MetricsPort::On(port)) => self.metrics_port(port),
        }
    }

    /// Records into this observer, instead of one that is made. Its handles may have counted before: native ones always do.
    pub fn observer(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Which log lines and spans are wanted, in the form of `RUST_LOG`: `info,my_crate=debug`.
    pub fn log_filter(mut self, filter: impl Into<String>) -> Self {
        let (text, from) = (filter.into(), "the log filter");
        self.log_filter = Some(Filter { text, from });
        self
    }

    /// How log lines are written: as text unless set.
    pub const fn log_format(mut self, format: LogFormat) -> Self {
        self.log_format = format;
        self
    }

    /// Where log lines go: to standard error unless set.
    pub fn log_writer(mut self, writer: LogWriter) -> Self {
        self.log_writer = Some(writer);
        self
    }

    /// Whether the end of each span is a log line, with how long it was busy and idle. Off unless set.
    pub const fn span_close(mut self, wanted: bool) -> Self {
        self.span_close = wanted;
        self
    }

    /// Where metrics and health pages are served: at 127.0.0.1:9464 unless set. With port 0 the system chooses one, and
    /// [`Guard::metrics_address`](super::Guard::metrics_address) says which. There is neither encryption nor authentication.
    pub const fn metrics_address(mut self, address: SocketAddr) -> Self {
        self.metrics_address = Some(address);
        self
    }

    /// The same address with another port.
    pub fn metrics_port(mut self, port: u16) -> Self {
        let mut address = self.metrics_address.unwrap_or(DEFAULT_ADDRESS);
        address.set_port(port);
        self.metrics_address = Some(address);
        self
    }

    /// Serves neither metrics nor health pages.
    pub const fn without_listener(mut self) -> Self {
        self.metrics_address = None;
        self
    }

    /// Whether the listener answers `GET /events` with the ring's recent events, as JSON lines and oldest first, in the form of
    /// [`json::push_event`](crate::json::push_event). Off unless set: the page names tenants and principals.
    ///
    /// `trace_id`, `tenant` and `kind` choose among them, and `limit` says how many of the newest are wanted: 1000 unless given,
    /// 10 000 at most. A parameter that is wrong, unknown or there twice is answered with status 400. A request whose `Host` is
    /// neither an IP address nor `localhost` is answered with status 403: there is no login, and a page in a browser can have a
    /// name of its own lead here (DNS rebinding).
    pub const fn events_page(mut self, wanted: bool) -> Self {
        self.events_page = wanted;
        self
    }

    /// How often exporters get metrics: every minute unless set.
    pub const fn metrics_interval(mut self, interval: Duration) -> Self {
        self.metrics_interval = interval;
        self
    }

    /// Which traces are recorded, decided where they begin: all of them unless set.
    pub const fn head_sampler(mut self, sampler: HeadSampler) -> Self {
        self.head_sampler = sampler;
        self
    }

    /// Which of the recorded traces are kept, decided when they have ended: all of them unless set.
    pub fn tail_sampler(mut self, sampler: TailSampler) -> Self {
        self.tail_sampler = Some(sampler);
        self
    }

    /// What takes sensitive values out of log lines, out of what exporters get, and out of the pages: the default [`Redactor`]
    /// unless set. An observer has a policy of its own.
    pub fn redact(mut self, policy: impl Redact) -> Self {
        self.redact = Arc::new(policy);
        self
    }

    /// Sends what it takes to this exporter too. `name` is a label of its metrics. What it fails with is tried again, what it
    /// is too slow for is queued up to a bound and then dropped and counted, and what it hangs in is left behind at the end.
    pub fn exporter(mut self, name: impl Into<String>, exporter: impl Exporter) -> Self {
        self.exporters.push((name.into(), Box::new(exporter)));
        self
    }

    /// The most items (series, spans, log records, events, lines) that wait for one exporter, at least 1 024: 16 384 unless set.
    pub const fn export_queue(mut self, items: usize) -> Self {
        self.queue = items;
        self
    }

    /// Exports the sealed lines of the observer's audit log too, those behind record `after`: 0 for all that there are.
    /// Nothing is sealed about where an export has come to, so keep that yourself. Without this no sealed line leaves the
    /// process, whatever exporters take.
    #[cfg(feature = "audit")]
    pub const fn export_sealed(mut self, after: u64) -> Self {
        self.sealed_after = Some(after);
        self
    }

    /// Ships the observer's audit log to this collector, on a thread of its own that holds up nobody, from where the collector's copy
    /// ends. What is not shipped when the guard is shut down is in its [`Report`](super::Report), and in the log for the next start.
    #[cfg(feature = "collector")]
    pub fn ship_to(mut self, client: crate::collector::Client) -> Self {
        self.shipping.client = Some(client);
        self
    }

    /// Adds a health check to those of the audit log, the exporters and the clock.
    pub fn check(mut self, check: Registration) -> Self {
        self.checks.push(check);
        self
    }

    /// What happens when a thread panics.
    pub const fn panic_hook(mut self, hook: PanicHook) -> Self {
        self.panic_hook = hook;
        self
    }

    /// Has the first SIGTERM or SIGINT begin the [drain](super::Draining) and a second one end the process at once; what comes
    /// within half a second of the first is taken for its echo. Without this signals are left alone.
    pub const fn drain_on_signals(mut self, wanted: bool) -> Self {
        self.signals = wanted;
        self
    }

    /// Whether what libraries count through the macros of the crate `metrics` is counted here: so it is unless set. A process has
    /// one such recorder.
    pub const fn metrics_recorder(mut self, wanted: bool) -> Self {
        self.recorder = wanted;
        self
    }

    /// Leaves alone what a process has only one of: subscriber, recorder, panic hook, signals. It may then be started as often
    /// as wanted, in tests above all; [`Guard::dispatch`](super::Guard::dispatch) is the subscriber. Nobody counts panics then, so
    /// `counterfoil_panic_seen_total` is not shown.
    pub const fn without_globals(mut self) -> Self {
        self.globals = false;
        self
    }

    /// How long dropping the guard may take: 5 s unless set.
    pub const fn drop_deadline(mut self, deadline: Duration) -> Self {
        self.drop_deadline = deadline;
        self
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("service_name", &self.service_name)
            .field("service_version", &self.service_version)
            .field("log_filter", &self.log_filter)
            .field("log_format", &self.log_format)
            .field("metrics_address", &self.metrics_address)
            .field("exporters", &self.exporters)
            .finish_non_exhaustive()
    }
}
