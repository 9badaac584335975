//! `counterfoil collect`: the collector as a daemon.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::Args;
use counterfoil::init::{Draining, Guard, Report};
use counterfoil::trace::LogFormat;
use counterfoil::{Clock, SystemClock, init};
use counterfoil_collector::config::{self, Config};
use counterfoil_collector::daemon::{Daemon, Reloader};
use counterfoil_collector::tail::TailReceiver;
use counterfoil_collector::{Error, ErrorKind, StopReport};
use signal_hook::consts::SIGHUP;

use crate::failure::{Exit, Failure, chain};
use crate::result;

/// How often files are looked at that may have changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long what was taken may take to be stored.
const STOP: Duration = Duration::from_secs(20);
/// How long the last figures and log lines may take.
const FLUSH: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
#[command(after_help = "\
Start with a file that says the defaults, and check it:

  counterfoil collect --print-default > collector.toml
  counterfoil collect --config collector.toml --check

SIGTERM and SIGINT stop it when requests under way have ended; a second one at
once. SIGHUP has the settings of tenants read anew. Certificates and credentials
are read anew when their files change; a broken one leaves in force what was.

Exit codes: 0 stopped by a signal; 2 the configuration is wrong, or address or
data are in use; 3 stopped before everything that was taken was stored; 4 data
cannot be read or written; 5 a key, a certificate or the file of tenants cannot
be used.")]
pub(crate) struct CollectArgs {
    /// The configuration, in TOML
    #[arg(long, value_name = "FILE", required_unless_present = "print_default")]
    config: Option<PathBuf>,
    /// Check the configuration and the files that it names, print what is in force,
    /// and start nothing
    #[arg(long)]
    check: bool,
    /// Print a configuration that says every default
    #[arg(long, conflicts_with_all = ["config", "check"])]
    print_default: bool,
}

/// Collects until a signal comes.
pub(crate) fn run(args: &CollectArgs) -> Result<ExitCode, Failure> {
    let Some(path) = &args.config else {
        result::print(Config::DEFAULT_FILE)?;
        return Ok(ExitCode::SUCCESS);
    };
    let config = Config::read(path).map_err(|error| failure(&error))?;
    if args.check {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        Daemon::check(&config, &clock).map_err(|error| failure(&error))?;
        result::print(&config.to_toml().map_err(|error| failure(&error))?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(Exit::Unreadable, format!("no thread can be had: {error}"))
        })?;
    runtime.block_on(collect(path, config))
}

async fn collect(path: &Path, config: Config) -> Result<ExitCode, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let guard = telemetry(&config)?;
    let directories = config.tail.clone();
    let daemon = Daemon::bind(config, clock).map_err(|error| failure(&error))?;
    let collector = daemon
        .start_collector(guard.observer().registry())
        .map_err(|error| failure(&error))?;
    for check in collector.health_checks() {
        let registered = guard.health().register(check);
        registered.map_err(|error| Failure::usage(chain(&error)))?;
    }
    let tails = TailReceiver::start(&collector, &directories).map_err(|error| failure(&error))?;
    result::print(&greeting(&daemon, &guard))?;
    let reloading = reload_in_background(daemon.reloader(path.into()), guard.draining().clone())?;
    let stop = guard.draining().begun();
    let drained = daemon
        .serve(&collector, guard.health(), guard.observer(), stop)
        .await;
    if drained.cut > 0 {
        tracing::warn!(
            connections = drained.cut,
            "cut what had not ended in time; nothing acknowledged is lost"
        );
    }
    // It ends with the drain, which has begun.
    let _ended = reloading.join();
    // What it has not taken is in the directories.
    let _ended = tails.stop(STOP);
    let stopped = collector.stop(STOP);
    let report = guard.shutdown(FLUSH);
    ended(&stopped, &report)
}

/// Says how it ended. What was acknowledged is durable in any case.
fn ended(stopped: &StopReport, report: &Report) -> Result<ExitCode, Failure> {
    tracing::info!(
        offered = stopped.records.offered,
        stored = stopped.records.stored,
        "stopped; {report}"
    );
    if stopped.finished {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new(
        Exit::Incomplete,
        format!(
            "stopped with {} bytes taken and not stored; nothing acknowledged is lost, and producers send the rest again",
            stopped.left_in_flight
        ),
    ))
}

/// Log lines, metrics and health pages: by the file, then by the environment.
fn telemetry(config: &Config) -> Result<Guard, Failure> {
    let telemetry = &config.telemetry;
    let init = init::Config::new("counterfoil-collector", env!("CARGO_PKG_VERSION"))
        .drain_on_signals(true)
        .log_format(match telemetry.log_format {
            config::LogFormat::Json => LogFormat::Json,
            _ => LogFormat::Text,
        });
    let init = match telemetry.enabled {
        true => init.metrics_address(telemetry.address),
        false => init.without_listener(),
    };
    init.env()
        .and_then(counterfoil::init)
        .map_err(|error| Failure::usage(chain(&error)))
}

fn greeting(daemon: &Daemon, guard: &Guard) -> String {
    let mut text = format!("collecting at {}\n", daemon.url());
    if let Some(address) = guard.metrics_address() {
        text.push_str(&format!("metrics at http://{address}/metrics\n"));
    }
    text
}

/// Reads files anew that have changed, and everything at SIGHUP, until the end begins.
fn reload_in_background(
    mut reloader: Reloader,
    draining: Draining,
) -> Result<thread::JoinHandle<()>, Failure> {
    let unable = |error| {
        Failure::new(
            Exit::Unreadable,
            format!("cannot wait for signals: {error}"),
        )
    };
    let asked = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGHUP, Arc::clone(&asked)).map_err(unable)?;
    let watch = move || {
        while !draining.wait(LOOK_EVERY) {
            let reloaded = match asked.swap(false, Ordering::AcqRel) {
                true => reloader.reload(),
                false => reloader.reload_changed(),
            };
            for it in reloaded {
                match &it.outcome {
                    Ok(()) => tracing::info!("{it}"),
                    Err(error) => tracing::error!(error = %chain(error), "{it}"),
                }
            }
        }
    };
    thread::Builder::new()
        .name("counterfoil-reload".into())
        .spawn(watch)
        .map_err(unable)
}

/// How an error of the collector ends the command.
pub(crate) fn failure(error: &Error) -> Failure {
    let exit = match error.kind() {
        ErrorKind::Io | ErrorKind::Full | ErrorKind::Corrupt => Exit::Unreadable,
        ErrorKind::Credential => Exit::Policy,
        _ => Exit::Usage,
    };
    Failure::new(exit, chain(error))
}
