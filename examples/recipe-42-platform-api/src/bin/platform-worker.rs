//! The worker as a program: starts what observes it, works until SIGTERM, and says what was lost.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cookbook_recipe_42_platform_api::{Process, Worker, WorkerSettings};
use tracing::field::display;

/// Provisions what was asked for at the API
#[derive(Parser)]
#[command(version, max_term_width = 80)]
struct Arguments {
    /// Where this process keeps its audit log
    #[arg(long, value_name = "DIRECTORY", default_value = "platform-data/worker")]
    data: PathBuf,
    /// The database, shared with the API
    #[arg(long, value_name = "FILE", default_value = "platform-data/platform.db")]
    database: PathBuf,
    /// The nodes, a directory for each; made with two of them if missing
    #[arg(long, value_name = "DIRECTORY", default_value = "platform-data/nodes")]
    nodes: PathBuf,
    /// Messages that are processed at once
    #[arg(long, value_name = "NUMBER", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
    /// Attempts at a message before it is given up
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=20))]
    attempts: u32,
    /// Pause before the second attempt; each further one is twice as long
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 500)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pause_ms: u64,
    #[command(flatten)]
    telemetry: counterfoil::init::Args,
}

/// Longer than an attempt takes, so that what is hidden is being worked at, or its worker is gone.
const HIDDEN: Duration = Duration::from_secs(30);

#[tokio::main]
#[expect(
    clippy::print_stderr,
    reason = "why it does not start, before there is a log"
)]
pub(crate) async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("platform-worker: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let observer = Process::WORKER.observer(&arguments.data)?;
    let guard = counterfoil::init(Process::WORKER.config(&observer, &arguments.telemetry)?)?;
    let settings = WorkerSettings {
        database: arguments.database,
        nodes: arguments.nodes,
        concurrency: arguments.concurrency.into(),
        attempts: arguments.attempts,
        pause: Duration::from_millis(arguments.pause_ms),
        hidden: HIDDEN,
    };
    let worker = Worker::new(settings, &observer)?;
    let metrics = guard.metrics_address().map(display);
    tracing::info!(metrics, "working until SIGTERM");
    worker.run(guard.draining().begun()).await;

    // Messages that were under way are processed. Now what they recorded is sealed and sent.
    let report = guard.shutdown(Duration::from_secs(10));
    tracing::info!(%report, "stopped");
    Ok(())
}
