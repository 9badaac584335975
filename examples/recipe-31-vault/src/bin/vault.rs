//! A vault as a program: starts what observes it, serves until SIGTERM, and says what was lost.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cookbook_recipe_31_vault::{PeerSettings, Settings, Telemetry, Vault};
use http::Uri;

/// How long requests that are under way hold up a stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keeps content-addressed objects, and replicates them to a peer
#[derive(Parser)]
#[command(version, max_term_width = 80)]
struct Arguments {
    /// Where requests are answered
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8031")]
    listen: SocketAddr,
    /// Where objects, index and audit log are kept
    #[arg(long, value_name = "DIRECTORY", default_value = "vault-data")]
    data: PathBuf,
    /// File with lines: PRINCIPAL member|peer KEY
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// The most that the objects may hold
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    capacity: u64,
    /// Take no objects
    #[arg(long)]
    read_only: bool,
    /// The vault that gets replicas, such as http://127.0.0.1:8032
    #[arg(long, value_name = "URL", requires = "peer_key", value_parser = http_url)]
    peer: Option<Uri>,
    /// The key that the peer knows this vault by
    #[arg(long, value_name = "FILE", requires = "peer")]
    peer_key: Option<PathBuf>,
    /// How often the peer is asked whether it is there
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 2000)]
    #[arg(value_parser = clap::value_parser!(u64).range(100..=600_000))]
    peer_interval_ms: u64,
    /// How often the metrics are stored in the vault
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    snapshot_interval: u64,
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
            eprintln!("vault: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let telemetry = Telemetry::open(&arguments.data)?;
    let guard = counterfoil::init(telemetry.config(&arguments.telemetry)?)?;
    let peer = arguments.peer.zip(arguments.peer_key);
    let settings = Settings {
        listen: arguments.listen,
        data: arguments.data,
        keys: arguments.keys,
        capacity: arguments.capacity,
        read_only: arguments.read_only,
        peer: peer.map(|(url, key)| PeerSettings {
            url,
            key,
            interval: Duration::from_millis(arguments.peer_interval_ms),
        }),
        snapshots: Duration::from_secs(arguments.snapshot_interval),
    };
    let vault = Vault::bind(&settings, &telemetry, guard.health()).await?;
    let (address, metrics) = (vault.address()?, guard.metrics_address());
    let metrics = metrics.map(tracing::field::display);
    tracing::info!(%address, metrics, "serving until SIGTERM");
    let draining = guard.draining();
    let served = draining.within(PATIENCE, vault.serve(draining.begun()));
    served.await.transpose()?;

    // Requests that were under way are answered. Now what they recorded is sealed and sent.
    let report = guard.shutdown(Duration::from_secs(10));
    tracing::info!(%report, "stopped");
    Ok(())
}

fn http_url(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    let is_plain = uri.scheme_str() == Some("http") && uri.authority().is_some();
    is_plain
        .then_some(uri)
        .ok_or_else(|| "write http://HOST:PORT".to_owned())
}
