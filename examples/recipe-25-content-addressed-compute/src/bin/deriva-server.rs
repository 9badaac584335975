//! The server as a program: starts what observes it, serves until SIGTERM, and says what was lost.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cookbook_recipe_25_content_addressed_compute::{
    Engine, Functions, Limits, Service, config, observer, serve,
};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// How long calls that are under way may take when the server stops.
const DRAIN: Duration = Duration::from_secs(15);
/// How long the changes that such calls began may take then, which wait at most for the store.
const SETTLE: Duration = Duration::from_secs(5);
/// How long telemetry may take to get out.
const FLUSH: Duration = Duration::from_secs(5);

/// Computes what content addresses name, and serves it over gRPC.
#[derive(Parser)]
#[command(max_term_width = 80)]
struct Arguments {
    /// Where the service is
    #[arg(long, default_value = "127.0.0.1:50051")]
    listen: SocketAddr,
    /// Directory of the store and of the audit log
    #[arg(long, default_value = "deriva-data")]
    data: PathBuf,
    /// The most bytes of values in the cache
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().cache_bytes)]
    cache_bytes: usize,
    /// How many functions run at once, instead of one for each core
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: Option<u16>,
    /// Adds entropy/v1, which is not deterministic, to show the alert
    #[arg(long)]
    with_entropy: bool,
    #[command(flatten)]
    telemetry: counterfoil::init::Args,
}

#[expect(
    clippy::print_stderr,
    reason = "why it does not start, before there is a log"
)]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let served = Runtime::new().map_err(Into::into).and_then(|runtime| {
        let served = runtime.block_on(run(arguments));
        // A function that does not return is given up with the call that it ran for.
        runtime.shutdown_background();
        served
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("deriva-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let observer = observer(&arguments.data)?;
    let mut functions = Functions::standard();
    if arguments.with_entropy {
        functions = functions.with_entropy();
    }
    let mut limits = Limits {
        cache_bytes: arguments.cache_bytes,
        ..Limits::default()
    };
    if let Some(parallel) = arguments.parallel {
        limits.parallel_functions = parallel.into();
    }
    let engine = Engine::open(&arguments.data, &observer, functions, limits)?;
    let guard = counterfoil::init(config(&observer, &engine)?.args(&arguments.telemetry))?;

    let listener = TcpListener::bind(arguments.listen).await.map_err(|error| {
        let address = arguments.listen;
        format!("cannot listen at {address}: {error}; choose another with --listen IP:PORT")
    })?;
    let (address, metrics) = (listener.local_addr()?, guard.metrics_address());
    let metrics = metrics.map(tracing::field::display);
    tracing::info!(%address, metrics, "serving until SIGTERM");
    let (draining, health) = (guard.draining(), guard.health().reader());
    let service = Service::new(engine.clone());
    let serving = serve(listener, service, &observer, health, draining.begun());
    let served = draining.within(DRAIN, serving).await;
    // Calls can be given up, and not what was sealed for them and is yet to be stored.
    if tokio::time::timeout(SETTLE, engine.settled())
        .await
        .is_err()
    {
        tracing::warn!("a change was sealed and not stored in time: it has to be put again");
    }
    served.transpose()?;

    // Calls that were under way are answered. Now what they recorded is sealed and sent. What telemetry lost is said, and is no
    // failure of the server.
    let report = guard.shutdown(FLUSH);
    tracing::info!(%report, "stopped");
    Ok(())
}
