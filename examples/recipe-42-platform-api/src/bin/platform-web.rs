//! The web front as a program: serves pages until SIGTERM, and says what was lost.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cookbook_recipe_42_platform_api::{Process, Web, WebSettings};
use tracing::field::display;

/// Serves the pages of the platform, for people
#[derive(Parser)]
#[command(version, max_term_width = 80)]
struct Arguments {
    /// Where pages are served
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8044")]
    listen: SocketAddr,
    /// Where the API is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8042")]
    api: String,
    /// Where this process keeps its audit log
    #[arg(long, value_name = "DIRECTORY", default_value = "platform-data/web")]
    data: PathBuf,
    /// Browsers come through TLS that a proxy ends
    #[arg(long)]
    https: bool,
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
            eprintln!("platform-web: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let observer = Process::WEB.observer(&arguments.data)?;
    let guard = counterfoil::init(Process::WEB.config(&observer, &arguments.telemetry)?)?;
    let settings = WebSettings {
        listen: arguments.listen,
        api: arguments.api,
        https: arguments.https,
        sampler: guard.head_sampler(),
    };
    let web = Web::bind(&settings, &observer).await?;
    let (address, metrics) = (web.address()?, guard.metrics_address().map(display));
    tracing::info!(%address, metrics, "serving until SIGTERM");
    web.serve(guard.draining()).await?;

    let report = guard.shutdown(Duration::from_secs(10));
    tracing::info!(%report, "stopped");
    Ok(())
}
