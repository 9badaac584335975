//! The lease desk as a program: starts what observes it, serves until SIGTERM, and says what was lost.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cookbook_instrumented_service::{Tenants, config, observer, router};
use tokio::net::TcpListener;

/// How long requests that are under way hold up a stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// Leases memory to tenants.
#[derive(Parser)]
struct Arguments {
    /// Where leases are served
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where the audit log is kept
    #[arg(long, default_value = "lease-desk-data")]
    data: PathBuf,
    /// File with a tenant and its API key on each line
    #[arg(long)]
    keys: PathBuf,
    #[command(flatten)]
    telemetry: counterfoil::init::Args,
}

#[tokio::main]
#[expect(
    clippy::print_stderr,
    reason = "why it does not start, before there is a log"
)]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lease-desk: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let keys = std::fs::read_to_string(&arguments.keys).map_err(|error| {
        format!(
            "cannot read the keys in {}: {error}",
            arguments.keys.display()
        )
    })?;
    let tenants = Tenants::parse(&keys);
    let observer = observer(&arguments.data)?;
    let guard = counterfoil::init(config(&observer)?.args(&arguments.telemetry))?;

    let listener = TcpListener::bind(arguments.listen)
        .await
        .map_err(|error| format!("cannot listen at {}: {error}", arguments.listen))?;
    let (address, metrics) = (listener.local_addr()?, guard.metrics_address());
    let metrics = metrics.map(tracing::field::display);
    tracing::info!(%address, metrics, "serving until SIGTERM");
    let draining = guard.draining();
    let server = axum::serve(listener, router(observer, tenants));
    let server = server.with_graceful_shutdown(draining.begun());
    draining.within(PATIENCE, server).await.transpose()?;

    // Requests that were under way are answered. Now what they recorded is sealed and sent. What telemetry lost is said, and is
    // no failure of the service.
    let report = guard.shutdown(Duration::from_secs(10));
    tracing::info!(%report, "stopped");
    Ok(())
}
