//! The API as a program: starts what observes it, answers until SIGTERM, and says what was lost.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cookbook_recipe_42_platform_api::{Api, Process, Settings};
use tracing::field::display;

/// Answers requests for allocations, and the billing provider's webhooks
#[derive(Parser)]
#[command(version, max_term_width = 80)]
struct Arguments {
    /// Where requests are answered
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8042")]
    listen: SocketAddr,
    /// Where this process keeps its audit log
    #[arg(long, value_name = "DIRECTORY", default_value = "platform-data/api")]
    data: PathBuf,
    /// The database, shared with the worker
    #[arg(long, value_name = "FILE", default_value = "platform-data/platform.db")]
    database: PathBuf,
    /// File with lines: TENANT admin|member KEY and then projects, with commas between
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// The secret that the billing provider signs webhooks with
    #[arg(long, value_name = "FILE")]
    billing_secret: PathBuf,
    /// The credit that a new tenant begins with
    #[arg(long, value_name = "CENTS", default_value_t = 100_000)]
    #[arg(value_parser = clap::value_parser!(i64).range(0..=100_000_000))]
    opening_credit: i64,
    #[command(flatten)]
    telemetry: counterfoil::init::Args,
}

#[tokio::main]
#[expect(
    clippy::print_stderr,
    reason = "why it does not start, before there is a log"
)]
pub(crate) async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("platform-api: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let observer = Process::API.observer(&arguments.data)?;
    let guard = counterfoil::init(Process::API.config(&observer, &arguments.telemetry)?)?;
    let settings = Settings {
        listen: arguments.listen,
        database: arguments.database,
        keys: arguments.keys,
        billing_secret: arguments.billing_secret,
        opening_credit: arguments.opening_credit,
        sampler: guard.head_sampler(),
    };
    let api = Api::bind(&settings, observer, guard.health().clone()).await?;
    let (address, metrics) = (api.address()?, guard.metrics_address().map(display));
    tracing::info!(%address, metrics, "serving until SIGTERM");
    api.serve(guard.draining()).await?;

    // Requests that were under way are answered. Now what they recorded is sealed and sent.
    let report = guard.shutdown(Duration::from_secs(10));
    tracing::info!(%report, "stopped");
    Ok(())
}
