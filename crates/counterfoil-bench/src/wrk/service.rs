//! The services that are loaded: one handler, and what is around it.

use std::io::Read as _;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use clap::ValueEnum;
use counterfoil::audit::AuditLog;
use counterfoil::init::{Config, Guard};
use counterfoil::trace::{LogFormat, LogWriter};
use counterfoil::{Current, LeaseId, Name, Observer, ResourceType};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::group::Outcome;
use crate::instrumentation::stock_layers;

/// Answers with how many audit records were stored.
pub(super) const RECORDS: &str = "/records";
/// One request in so many writes an audit record.
const AUDITED: u64 = 100;

/// What is around the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Nothing.
    Bare,
    /// Our layers through `init`: metrics, ring, an audit record in a hundred requests; no line per request.
    Ours,
    /// The same with a JSON line per request to /dev/null.
    OursJson,
    /// tower-http, `metrics` and tracing-opentelemetry; no audit, no line per request.
    Stock,
}

impl Kind {
    /// The bare one first: the others are compared with it.
    pub(super) const ALL: [Self; 4] = [Self::Bare, Self::Ours, Self::OursJson, Self::Stock];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Bare => "wrk: bare",
            Self::Ours => "wrk: metrics, ring, audit of 1 in 100",
            Self::OursJson => "wrk: the same and a JSON line per request",
            Self::Stock => "wrk: tower-http, metrics, opentelemetry",
        }
    }

    pub(super) const fn has_target(self) -> bool {
        matches!(self, Self::Ours)
    }
}

/// Serves until standard input ends; the address is the first line on standard output.
pub(crate) fn serve(kind: Kind) -> Outcome<()> {
    // Before this thread is pinned, so that threads which are started here may run anywhere.
    let (app, _kept) = match kind {
        Kind::Bare => (Router::new().route(RECORDS, get("0")).merge(bare()), None),
        Kind::Stock => {
            let app = stock_layers(bare())?;
            (Router::new().route(RECORDS, get("0")).merge(app), None)
        }
        Kind::Ours => ours(false)?,
        Kind::OursJson => ours(true)?,
    };
    if let Some(core) = core_affinity::get_core_ids().unwrap_or_default().first() {
        core_affinity::set_for_current(*core);
    }
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        // Ends with the process that started this one.
        drop(std::io::stdin().read(&mut [0]));
        drop(ended);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?);
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        tokio::select! {
            served = axum::serve(listener, app).into_future() => Ok(served?),
            _ = end => Ok(()),
        }
    })
}

fn bare() -> Router {
    Router::new().route("/orders/{id}", get(order))
}

async fn order(Path(id): Path<u64>) -> String {
    id.to_string()
}

/// What lives as long as the service.
type Kept = Option<(Guard, TempDir)>;

fn ours(json: bool) -> Outcome<(Router, Kept)> {
    let directory = tempfile::tempdir()?;
    let log =
        AuditLog::builder(directory.path().join("audit"), "bench.example.com/orders").open()?;
    let observer = Observer::builder().audit(log).build()?;
    let null = std::fs::File::options().write(true).open("/dev/null")?;
    let config = Config::new("bench", "0")
        .observer(observer.clone())
        .metrics_port(0)
        .log_writer(LogWriter::descriptor(null))
        .log_format(LogFormat::Json)
        .span_close(json);
    let guard = counterfoil::init(config)?;
    let app = Router::new()
        .route("/orders/{id}", get(observed_order))
        .layer(counterfoil_tower::axum::layer(observer.registry()))
        .route(RECORDS, get(records))
        .with_state(observer);
    Ok((app, Some((guard, directory))))
}

async fn observed_order(State(observer): State<Observer>, Path(id): Path<u64>) -> String {
    static REQUESTS: AtomicU64 = AtomicU64::new(0);
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    if number.is_multiple_of(AUDITED) {
        let (lease, ttl) = (LeaseId(number), Duration::from_secs(30));
        observer.lease_renewed(
            &Current,
            ResourceType::Mem,
            lease,
            &Name::new("node-a"),
            ttl,
        );
    }
    id.to_string()
}

async fn records(State(observer): State<Observer>) -> String {
    let stored = observer.audit().map(|log| log.figures().stored);
    stored.unwrap_or_default().to_string()
}
