//! The lease desk as a program: starts what observes it, serves until SIGTERM, and says what was lost.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cookbook_instrumented_service::{Tenants, config, observer, router};
use tokio::net::TcpListener;

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
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let tenants = Tenants::parse(&std::fs::read_to_string(&arguments.keys)?);
    let observer = observer(&arguments.data)?;
    let guard = counterfoil::init(config(&observer)?.args(&arguments.telemetry))?;

    let listener = TcpListener::bind(arguments.listen).await?;
    let (address, metrics) = (listener.local_addr()?, guard.metrics_address());
    tracing::info!(%address, ?metrics, "serving until SIGTERM");
    axum::serve(listener, router(observer, tenants))
        .with_graceful_shutdown(guard.draining().begun())
        .await?;

    // Requests that were under way are answered. Now what they recorded is sealed and sent.
    let report = guard.shutdown(Duration::from_secs(10));
    tracing::info!(%report, "stopped");
    Ok(if report.is_complete() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
