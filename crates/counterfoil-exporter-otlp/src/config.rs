//! The standard environment variables.

use std::ffi::OsString;
use std::fs;
use std::time::Duration;

use counterfoil_exporter::Error;

use crate::exporter::OtlpExporter;
use crate::resource::Resource;
use crate::target::{Header, Protocol, Target, Url, needs};
use crate::vars::{Var, Vars};

/// What the standard `OTEL_*` variables ask for.
///
/// A signal is exported when its `OTEL_…_EXPORTER` says `otlp`, or when it is not set and an endpoint is; nothing else makes
/// this crate contact anything. Where a variable exists per signal (`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`), it takes
/// precedence over the general one.
///
/// | variable | values | unless set |
/// |---|---|---|
/// | `OTEL_SDK_DISABLED` | `true`, `false` | `false` |
/// | `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER`, `OTEL_LOGS_EXPORTER` | `otlp`, `none`; for metrics also `prometheus`, which is another exporter's business | `otlp` if an endpoint is set |
/// | `OTEL_EXPORTER_OTLP_ENDPOINT` | URL; `/v1/traces`, `/v1/metrics` or `/v1/logs` is appended for HTTP | port 4318 (HTTP) or 4317 (gRPC) of `localhost` |
/// | `OTEL_EXPORTER_OTLP_{TRACES,METRICS,LOGS}_ENDPOINT` | URL, used as it is | |
/// | `OTEL_EXPORTER_OTLP_PROTOCOL` | `http/protobuf`, `grpc` | `http/protobuf` |
/// | `OTEL_EXPORTER_OTLP_HEADERS` | `name=value,…`, values percent-encoded | |
/// | `OTEL_EXPORTER_OTLP_TIMEOUT` | milliseconds | 10000 |
/// | `OTEL_EXPORTER_OTLP_COMPRESSION` | `gzip`, `none` | `none` |
/// | `OTEL_EXPORTER_OTLP_CERTIFICATE` | file with trusted certificates (PEM) | the usual authorities |
/// | `OTEL_EXPORTER_OTLP_INSECURE` | `true`, `false`: of a gRPC endpoint without a scheme | `false` |
/// | `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` | `cumulative` | `cumulative` |
/// | `OTEL_SERVICE_NAME` | text | `unknown_service:…` |
/// | `OTEL_RESOURCE_ATTRIBUTES` | `key=value,…`, values percent-encoded | |
/// | `OTEL_METRIC_EXPORT_INTERVAL` | milliseconds | 60000 |
///
/// An empty value stands for none. A wrong one is an error that names the variable and does not repeat its value.
#[derive(Clone, Debug)]
pub struct Config {
    traces: Option<Target>,
    metrics: Option<Target>,
    logs: Option<Target>,
    resource: Resource,
    has_service_name: bool,
    metric_interval: Duration,
}

/// The words by which a signal goes in variables and paths.
#[derive(Clone, Copy)]
struct Words {
    upper: &'static str,
    path: &'static str,
}

const TRACES: Words = Words {
    upper: "TRACES",
    path: "v1/traces",
};
const METRICS: Words = Words {
    upper: "METRICS",
    path: "v1/metrics",
};
const LOGS: Words = Words {
    upper: "LOGS",
    path: "v1/logs",
};

impl Config {
    /// Reads the variables of this process.
    ///
    /// # Errors
    /// [`InvalidConfig`](counterfoil_exporter::ErrorKind::InvalidConfig) names the variable that is wrong, or the feature that
    /// is missing.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_vars(|name| std::env::var_os(name))
    }

    /// Reads variables from `lookup`.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_vars(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let vars = Vars(&lookup);
        let disabled = vars.switch(&["OTEL_SDK_DISABLED".to_owned()])?;
        let target = |words| match disabled {
            true => Ok(None),
            false => Signal { vars: &vars, words }.target(),
        };
        let (resource, has_service_name) = resource(&vars)?;
        let interval = vars.millis(&["OTEL_METRIC_EXPORT_INTERVAL".to_owned()])?;
        Ok(Self {
            traces: target(TRACES)?,
            metrics: target(METRICS)?,
            logs: target(LOGS)?,
            resource,
            has_service_name,
            metric_interval: interval.unwrap_or(Duration::from_secs(60)),
        })
    }

    /// Names the service where the variables do not.
    #[must_use]
    pub fn or_service_name(mut self, name: impl Into<String>) -> Self {
        if !self.has_service_name {
            self.resource = self.resource.with("service.name", name.into());
            self.has_service_name = true;
        }
        self
    }

    /// Whether nothing is to be exported.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.traces.is_none() && self.metrics.is_none() && self.logs.is_none()
    }

    /// Where spans go, if anywhere.
    #[must_use]
    pub const fn traces(&self) -> Option<&Target> {
        self.traces.as_ref()
    }

    /// Where metrics go, if anywhere.
    #[must_use]
    pub const fn metrics(&self) -> Option<&Target> {
        self.metrics.as_ref()
    }

    /// Where log records, events and sealed lines go, if anywhere.
    #[must_use]
    pub const fn logs(&self) -> Option<&Target> {
        self.logs.as_ref()
    }

    /// What describes this process.
    #[must_use]
    pub const fn resource(&self) -> &Resource {
        &self.resource
    }

    /// How often metrics are to be exported.
    #[must_use]
    pub const fn metric_interval(&self) -> Duration {
        self.metric_interval
    }

    /// One exporter per signal that is to be exported, so that one that is slow holds up no other. Nothing is contacted yet.
    ///
    /// # Errors
    /// [`InvalidConfig`](counterfoil_exporter::ErrorKind::InvalidConfig) when a certificate is none, and
    /// [`Io`](counterfoil_exporter::ErrorKind::Io) when the operating system gives no thread.
    pub fn exporters(&self) -> Result<Vec<OtlpExporter>, Error> {
        let builder = || OtlpExporter::builder(self.resource.clone());
        let traces = self.traces.clone().map(|it| builder().traces(it));
        let metrics = self.metrics.clone().map(|it| builder().metrics(it));
        let logs = self.logs.clone().map(|it| builder().logs(it));
        let wanted = [traces, metrics, logs].into_iter().flatten();
        wanted.map(crate::Builder::build).collect()
    }
}

/// A signal and the variables that are its own.
struct Signal<'a> {
    vars: &'a Vars<'a>,
    words: Words,
}

impl Signal<'_> {
    /// Where it goes; `None` when nobody asked for it.
    fn target(&self) -> Result<Option<Target>, Error> {
        let [own, general] = self.names("ENDPOINT");
        let (own, general) = (self.vars.one(&own)?, self.vars.one(&general)?);
        let endpoint_is_set = own.is_some() || general.is_some();
        if !is_wanted(self.vars, self.words.upper)?.unwrap_or(endpoint_is_set) {
            return Ok(None);
        }
        self.refuse_unsupported()?;
        let protocol = protocol(self.first("PROTOCOL")?)?;
        let insecure = self.vars.switch(&self.names("INSECURE"))?;
        let path = self.words.path;
        let target = match (own, general) {
            (Some(own), _) => made(protocol, &own, with_scheme(protocol, &own.text, insecure)),
            (None, Some(general)) => {
                let base = with_scheme(protocol, &general.text, insecure);
                let url = appended(protocol, &base, path).map_err(|why| general.wrong(why))?;
                made(protocol, &general, url)
            }
            (None, None) if protocol == Protocol::Grpc => Target::grpc("http://localhost:4317"),
            (None, None) => Target::http(&format!("http://localhost:4318/{path}")),
        };
        self.with_settings(target?).map(Some)
    }

    fn with_settings(&self, mut target: Target) -> Result<Target, Error> {
        if let Some(var) = self.first("HEADERS")? {
            target.headers = headers(&var)?;
        }
        if let Some(timeout) = self.vars.millis(&self.names("TIMEOUT"))? {
            target.timeout = timeout;
        }
        if let Some(var) = self.first("COMPRESSION")? {
            target.gzip = match var.text.as_str() {
                "gzip" => true,
                "none" => false,
                _ => return Err(var.wrong("is neither gzip nor none")),
            };
        }
        if let Some(var) = self.first("CERTIFICATE")? {
            let pem = fs::read(&var.text).map_err(|source| {
                var.wrong("names a file that cannot be read")
                    .with_source(source)
            })?;
            // The variable is there for all endpoints, of which some may do without TLS.
            if target.url.is_https() {
                target = target.ca_certificate(pem);
            }
        }
        Ok(target)
    }

    /// What would change what is sent is refused rather than left undone.
    fn refuse_unsupported(&self) -> Result<(), Error> {
        for setting in ["CLIENT_CERTIFICATE", "CLIENT_KEY"] {
            if let Some(var) = self.first(setting)? {
                return Err(
                    var.wrong("is set, and client certificates are not supported; unset it")
                );
            }
        }
        let [temporality, _] = self.names("TEMPORALITY_PREFERENCE");
        match self.vars.one(&temporality)? {
            Some(var) if !var.text.eq_ignore_ascii_case("cumulative") => {
                Err(var.wrong("asks for something else than cumulative, which is all there is"))
            }
            _ => Ok(()),
        }
    }

    /// The variable of the signal, or else the general one.
    fn first(&self, setting: &str) -> Result<Option<Var>, Error> {
        self.vars.first(&self.names(setting))
    }

    fn names(&self, setting: &str) -> [String; 2] {
        let upper = self.words.upper;
        [
            format!("OTEL_EXPORTER_OTLP_{upper}_{setting}"),
            format!("OTEL_EXPORTER_OTLP_{setting}"),
        ]
    }
}

/// What `OTEL_…_EXPORTER` says; `None` when it says nothing.
fn is_wanted(vars: &Vars<'_>, upper: &str) -> Result<Option<bool>, Error> {
    let Some(var) = vars.one(&format!("OTEL_{upper}_EXPORTER"))? else {
        return Ok(None);
    };
    let mut wanted = false;
    for exporter in var.text.split(',').map(str::trim) {
        match exporter {
            "otlp" => wanted = true,
            "none" => {}
            "prometheus" if upper == METRICS.upper => {}
            _ => return Err(var.wrong("asks for an exporter that is not here; use otlp or none")),
        }
    }
    Ok(Some(wanted))
}

fn protocol(var: Option<Var>) -> Result<Protocol, Error> {
    let Some(var) = var else {
        return Ok(Protocol::HttpProtobuf);
    };
    match var.text.as_str() {
        "http/protobuf" => Ok(Protocol::HttpProtobuf),
        "grpc" if !cfg!(feature = "grpc") => {
            Err(var.wrong(format!("asks for grpc, and {}", needs("grpc"))))
        }
        "grpc" => Ok(Protocol::Grpc),
        "http/json" => {
            Err(var.wrong("asks for http/json, which is not supported; use http/protobuf or grpc"))
        }
        _ => Err(var.wrong("is neither http/protobuf nor grpc")),
    }
}

/// A gRPC endpoint may come without a scheme, and is then a secure one unless the variables say otherwise.
fn with_scheme(protocol: Protocol, url: &str, insecure: bool) -> String {
    let scheme = if insecure { "http" } else { "https" };
    match protocol {
        Protocol::Grpc if !url.contains("://") => format!("{scheme}://{url}"),
        _ => url.to_owned(),
    }
}

/// The path of the signal at the end of the general endpoint; gRPC has paths of its own.
fn appended(protocol: Protocol, base: &str, path: &str) -> Result<String, &'static str> {
    match protocol {
        Protocol::Grpc => Ok(base.to_owned()),
        Protocol::HttpProtobuf if base.contains('?') => {
            Err("holds a query, to which no path can be appended; set the endpoint of each signal")
        }
        Protocol::HttpProtobuf => Ok(format!("{}/{path}", base.trim_end_matches('/'))),
    }
}

fn made(protocol: Protocol, var: &Var, url: String) -> Result<Target, Error> {
    Url::parse(&url).map_err(|why| var.wrong(format!("cannot be used: {why}")))?;
    Target::new(protocol, &url)
}

fn headers(var: &Var) -> Result<Vec<Header>, Error> {
    let pairs = var.pairs()?.into_iter();
    pairs
        .map(|(name, value)| {
            Header::new(&name, &value).map_err(|why| var.wrong(format!("cannot be used: {why}")))
        })
        .collect()
}

/// The resource, and whether the variables name the service.
fn resource(vars: &Vars<'_>) -> Result<(Resource, bool), Error> {
    let (mut resource, mut named) = (Resource::default(), false);
    if let Some(var) = vars.one("OTEL_RESOURCE_ATTRIBUTES")? {
        for (key, value) in var.pairs()? {
            named |= key == "service.name";
            resource = resource.with(key, value);
        }
    }
    if let Some(var) = vars.one("OTEL_SERVICE_NAME")? {
        (resource, named) = (resource.with("service.name", var.text), true);
    }
    Ok((resource, named))
}
