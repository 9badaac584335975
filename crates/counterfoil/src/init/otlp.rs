//! OTLP, where this program was built with it.

use counterfoil_exporter::Exporter;

use super::START;
use super::env::Env;
use crate::{Error, ErrorKind};

/// What the standard variables ask for.
#[derive(Debug, Default)]
pub(crate) struct Otlp {
    #[cfg(feature = "otlp")]
    config: Option<counterfoil_exporter_otlp::Config>,
}

/// An exporter and the name that it goes by.
pub(crate) type Named = (String, Box<dyn Exporter>);

impl Otlp {
    pub(crate) fn from_env(env: &Env<'_>) -> Result<Self, Error> {
        require_feature(env)?;
        Ok(Self {
            #[cfg(feature = "otlp")]
            config: Some(with_otlp::read(env)?),
        })
    }

    /// The exporters that were asked for, for a service that goes by this name unless the variables name it.
    pub(crate) fn exporters(&self, service: &str, version: &str) -> Result<Vec<Named>, Error> {
        let exporters = Vec::new();
        let _who_exports = (service, version);
        #[cfg(feature = "otlp")]
        let exporters = match &self.config {
            Some(config) => with_otlp::exporters(config, service, version)?,
            None => exporters,
        };
        Ok(exporters)
    }
}

/// An error when OTLP is asked for and this program was built without it.
fn require_feature(env: &Env<'_>) -> Result<(), Error> {
    let disabled = env.text("OTEL_SDK_DISABLED")?;
    if cfg!(feature = "otlp") || disabled.is_some_and(|it| it.eq_ignore_ascii_case("true")) {
        return Ok(());
    }
    for signal in ["TRACES", "METRICS", "LOGS"] {
        let exporter = format!("OTEL_{signal}_EXPORTER");
        let asked = env.text(&exporter)?;
        let names_it = |exporters: &String| exporters.split(',').any(|it| it.trim() == "otlp");
        if asked.as_ref().is_some_and(names_it) {
            return Err(missing(&exporter));
        }
        for endpoint in [
            format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"),
            "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(),
        ] {
            if asked.is_none() && env.text(&endpoint)?.is_some() {
                return Err(missing(&endpoint));
            }
        }
    }
    Ok(())
}

fn missing(variable: &str) -> Error {
    let context = format!(
        "{variable} asks for OTLP, and this program was built without the feature otlp of counterfoil; enable it (and otlp-grpc for gRPC), or unset the variable"
    );
    Error::new(ErrorKind::MissingFeature, START, context)
}

#[cfg(feature = "otlp")]
mod with_otlp {
    use counterfoil_exporter_otlp::{Config, OtlpExporter};

    use super::Named;
    use crate::init::START;
    use crate::init::env::Env;
    use crate::{Error, ErrorKind};

    pub(super) fn read(env: &Env<'_>) -> Result<Config, Error> {
        Config::from_vars(env.0).map_err(|error| wrong(&error.to_string()).with_source(error))
    }

    /// One exporter per signal, so that one that is slow holds up no other.
    pub(super) fn exporters(
        config: &Config,
        service: &str,
        version: &str,
    ) -> Result<Vec<Named>, Error> {
        let config = config.clone().or_service_name(service);
        let mut resource = config.resource().clone();
        let names_version = |it: &counterfoil_core::Attribute| it.key == "service.version";
        if !version.is_empty() && !resource.attributes().iter().any(names_version) {
            resource = resource.with("service.version", version.to_owned());
        }
        let builder = || OtlpExporter::builder(resource.clone());
        let traces = config.traces().cloned().map(|it| builder().traces(it));
        let metrics = config.metrics().cloned().map(|it| builder().metrics(it));
        let logs = config.logs().cloned().map(|it| builder().logs(it));
        let named = [
            ("otlp/traces", traces),
            ("otlp/metrics", metrics),
            ("otlp/logs", logs),
        ];
        let wanted = named.into_iter().filter_map(|(name, it)| Some((name, it?)));
        wanted
            .map(|(name, builder)| {
                let exporter = builder.build();
                let exporter =
                    exporter.map_err(|error| wrong(&error.to_string()).with_source(error))?;
                Ok((name.to_owned(), Box::new(exporter) as _))
            })
            .collect()
    }

    fn wrong(why: &str) -> Error {
        let context = format!(
            "what the environment says of OTLP cannot be done: {why} (in the crate counterfoil the features grpc and tls are called otlp-grpc and otlp-tls)"
        );
        Error::new(ErrorKind::InvalidConfig, START, context)
    }
}
