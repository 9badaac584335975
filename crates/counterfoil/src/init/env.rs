//! Environment variables.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use counterfoil_core::HeadSampler;

use super::START;
use crate::{Error, ErrorKind};

/// Where variables are looked up. An empty value stands for none, as OpenTelemetry has it.
pub(crate) struct Env<'a>(pub(crate) &'a dyn Fn(&str) -> Option<OsString>);

impl Env<'_> {
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Error> {
        match (self.0)(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Some(Err(_)) => Err(wrong(name, "is no UTF-8 text")),
        }
    }

    /// Service name and version, where the standard variables give them.
    pub(crate) fn service(&self) -> Result<(Option<String>, Option<String>), Error> {
        let attributes = self.text("OTEL_RESOURCE_ATTRIBUTES")?.unwrap_or_default();
        let attribute = |key: &str| {
            let pairs = attributes
                .split(',')
                .filter_map(|pair| pair.split_once('='));
            let mut values = pairs.filter(|(name, _)| name.trim() == key);
            values.next().map(|(_, value)| value.trim().to_owned())
        };
        let name = self.text("OTEL_SERVICE_NAME")?;
        Ok((
            name.or_else(|| attribute("service.name")),
            attribute("service.version"),
        ))
    }

    /// Where the listener for metrics is to be, where the standard variables say so. What only one of them says leaves the other
    /// half as it is in `unless`.
    pub(crate) fn metrics_address(&self, unless: SocketAddr) -> Result<Option<SocketAddr>, Error> {
        const HOST: &str = "OTEL_EXPORTER_PROMETHEUS_HOST";
        const PORT: &str = "OTEL_EXPORTER_PROMETHEUS_PORT";
        let (host, port) = (self.text(HOST)?, self.text(PORT)?);
        if host.is_none() && port.is_none() {
            return Ok(None);
        }
        let host: IpAddr = match host.as_deref() {
            None => unless.ip(),
            Some("localhost") => Ipv4Addr::LOCALHOST.into(),
            Some(host) => host
                .parse()
                .map_err(|_| wrong(HOST, "is neither an IP address nor localhost"))?,
        };
        let port = match port.as_deref() {
            None => unless.port(),
            Some(port) => port
                .parse()
                .map_err(|_| wrong(PORT, "is no port from 0 to 65535"))?,
        };
        Ok(Some(SocketAddr::new(host, port)))
    }

    pub(crate) fn metrics_interval(&self) -> Result<Option<Duration>, Error> {
        const NAME: &str = "OTEL_METRIC_EXPORT_INTERVAL";
        let millis = self.text(NAME)?.map(|text| match text.parse() {
            Ok(millis) if millis > 0 => Ok(Duration::from_millis(millis)),
            _ => Err(wrong(NAME, "is no number of milliseconds from 1 on")),
        });
        millis.transpose()
    }

    /// The head sampler. Each of ours does as the parent did, so `parentbased_` makes no difference to a service whose
    /// callers sample; the plain names are taken all the same.
    pub(crate) fn sampler(&self) -> Result<Option<HeadSampler>, Error> {
        const NAME: &str = "OTEL_TRACES_SAMPLER";
        let Some(name) = self.text(NAME)? else {
            return Ok(None);
        };
        Ok(Some(match name.trim_start_matches("parentbased_") {
            "always_on" => HeadSampler::ALL,
            "always_off" => HeadSampler::ratio(0.0),
            "traceidratio" => HeadSampler::ratio(self.ratio()?),
            _ => {
                return Err(wrong(
                    NAME,
                    "is none of always_on, always_off and traceidratio, each also with parentbased_ before it",
                ));
            }
        }))
    }

    fn ratio(&self) -> Result<f64, Error> {
        const NAME: &str = "OTEL_TRACES_SAMPLER_ARG";
        let Some(text) = self.text(NAME)? else {
            return Ok(1.0);
        };
        let ratio = text
            .parse()
            .ok()
            .filter(|ratio| (0.0..=1.0).contains(ratio));
        ratio.ok_or_else(|| wrong(NAME, "is no number from 0 to 1"))
    }
}

/// The error that a variable is wrong. It does not repeat the value, which may be a secret in the wrong place.
pub(crate) fn wrong(name: &str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, START, format!("{name} {why}"))
}
