//! Start and stop: one call that makes a service observable, and a guard that loses nothing silently at the end.
//!
//! **What it is.** [`init`] puts the pieces together: log lines and spans by way of `tracing`, metrics (those that libraries
//! count with the crate `metrics` included) and health pages on a listener, a panic hook, figures of the process and of tokio,
//! exporters, OTLP among them. The [`Guard`] flushes within a deadline and says what was lost.
//!
//! **What it will never do.** Contact anything that neither code nor environment names, hang at the end, or drop something
//! without counting it.
//!
//! ```no_run
//! use std::time::Duration;
//! use counterfoil::init::Config;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let config = Config::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")).env()?;
//!     let guard = counterfoil::init(config.drain_on_signals(true))?;
//!     tracing::info!("serving until SIGTERM"); // a log line, and the probes and metrics are there
//!     while !guard.draining().wait(Duration::from_secs(60)) {}
//!     println!("{}", guard.shutdown(Duration::from_secs(10)));
//!     Ok(())
//! }
//! ```
//!
//! # What is easy to get wrong
//!
//! - **Keep the guard.** `let _ = init(…)` drops it at once; `let _guard = init(…)` keeps it to the end of the scope.
//! - **Handles of the crate `metrics` that were made before `init` never count**, as that facade has it. Native ones always do:
//!   make the observer first and hand it over with [`Config::observer`].
//! - **Tests.** There is one subscriber, one recorder and one panic hook in a process, so a second `init` is an error. Tests take
//!   [`Config::without_globals`] with port 0, and [`Guard::dispatch`].
//! - **Libraries that use the crate `log`** are heard with the feature `log`.
//! - **`std::process::exit` runs no destructors.** Call [`Guard::shutdown`] before it.

#[cfg(feature = "clap")]
mod args;
mod config;
mod destination;
mod draining;
mod env;
mod events_page;
mod filter;
mod guard;
#[cfg(feature = "audit")]
mod log_opened;
mod otlp;
mod panic_hook;
mod process;
mod pump;
mod report;
mod runtime;
mod scrape;
mod shipping;
mod signals;
mod sources;
mod start;
mod within;

#[cfg(feature = "clap")]
pub use args::{Args, MetricsPort};
pub use config::{Config, PanicHook};
pub use draining::{Begun, Draining};
pub use guard::Guard;
pub use report::{ExportReport, Report};
pub use start::init;

/// The operation of this module's errors.
const START: &str = "start the telemetry";
