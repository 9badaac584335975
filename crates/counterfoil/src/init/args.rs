//! Arguments of a command line.

use std::fmt;
use std::str::FromStr;

use crate::trace::LogFormat;
use crate::{Error, ErrorKind};

/// Arguments for [`Config::args`](super::Config::args), to be flattened into a program's own.
///
/// ```
/// use clap::Parser;
///
/// #[derive(Parser)]
/// struct Program {
///     #[command(flatten)]
///     telemetry: counterfoil::init::Args,
/// }
///
/// let program = Program::try_parse_from(["orders", "--log-format", "json", "--metrics-port", "off"])?;
/// let config = counterfoil::init::Config::new("orders", "1.2.3").args(&program.telemetry);
/// # let _ = config;
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Telemetry")]
#[non_exhaustive]
pub struct Args {
    /// How log lines are written: text or json
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Port of metrics and health pages, 0 for any, or off
    #[arg(long, value_name = "PORT")]
    pub metrics_port: Option<MetricsPort>,
}

/// Whether and at which port metrics are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a port, or none")]
pub enum MetricsPort {
    /// Not at all.
    Off,
    /// At this port; 0 has the system choose one.
    On(u16),
}

impl FromStr for MetricsPort {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::On).map_err(|_| {
            let context = format!("{text:?} is neither a port from 0 to 65535 nor off");
            Error::new(ErrorKind::InvalidConfig, "read a port", context)
        })
    }
}

impl fmt::Display for MetricsPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::On(port) => port.fmt(f),
        }
    }
}
