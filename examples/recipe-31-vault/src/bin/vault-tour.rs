//! Two vaults: an object goes from one to the other under one trace, and a peer that stops is an alert that is sealed.
#![allow(clippy::print_stdout, reason = "a tour speaks on standard output")]

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cookbook_recipe_31_vault::{PeerSettings, Settings, Telemetry, Vault};
use counterfoil::init::{Args, Guard};
use counterfoil::trace::{LogFormat, LogWriter};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

type Outcome<T> = Result<T, Box<dyn Error>>;

const TRACE: &str = "4bf92f3577b34da6a3ffce929d0e0e47";
const KEYS: &str = "alice member key-of-alice-12345678\nvault-a peer key-of-vault-a-1234567\n";
const PEER_KEY: &str = "key-of-vault-a-1234567";
/// How long to wait for what is to come.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Outcome<()> {
    let directory = tempfile::tempdir()?;
    let b = Running::start(directory.path().join("b"), None)?;
    let a = Running::start(directory.path().join("a"), Some(b.address))?;

    let address = put(a.address)?;
    println!("address   {address}");
    let path = format!("/v1/objects/{address}");
    let replica = wait_for("the replica", || get(b.address, &path).ok())?;
    println!("replica   {replica}");
    for (name, vault) in [("A", &a), ("B", &b)] {
        // The replica can be got before its record is sealed, and logged after that.
        let line = wait_for("the log line", || vault.lines.about(TRACE).ok())?;
        println!("log {name}     {line}");
        let events = get(vault.metrics()?, &format!("/events?trace_id={TRACE}"))?;
        println!(
            "ring {name}    {}",
            events.lines().next().unwrap_or_default()
        );
        println!("chain {name}   {}", vault.sealed(TRACE)?);
    }

    let report = b.stop()?;
    println!("stopped B {report}");
    let alert = wait_for("the alert", || a.sealed("obs_alert_fired").ok())?;
    println!("alert A   {alert}");
    println!("stopped A {}", a.stop()?);
    Ok(())
}

/// A vault in this process, on threads of its own.
struct Running {
    data: PathBuf,
    lines: Lines,
    guard: Guard,
    runtime: Runtime,
    served: JoinHandle<io::Result<()>>,
    address: SocketAddr,
}

impl Running {
    fn start(data: PathBuf, peer: Option<SocketAddr>) -> Outcome<Self> {
        let telemetry = Telemetry::open(&data)?;
        let lines = Lines::default();
        let config = telemetry
            .config(&Args::default())?
            // Two vaults in one process: neither may have what there is once.
            .without_globals()
            .metrics_port(0)
            .log_format(LogFormat::Json)
            .log_writer(LogWriter::new(lines.clone()));
        let guard = counterfoil::init(config)?;
        let dispatch = guard.dispatch().clone();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            // For the whole life of the thread.
            .on_thread_start(move || {
                std::mem::forget(tracing::dispatcher::set_default(&dispatch));
            })
            .build()?;
        let settings = settings(&data, peer)?;
        let vault = runtime.block_on(Vault::bind(&settings, &telemetry, guard.health()))?;
        let address = vault.address()?;
        let served = runtime.spawn(vault.serve(guard.draining().begun()));
        Ok(Self {
            data,
            lines,
            guard,
            runtime,
            served,
            address,
        })
    }

    fn metrics(&self) -> Outcome<SocketAddr> {
        Ok(self.guard.metrics_address().ok_or("metrics are served")?)
    }

    /// The first record that has this text.
    fn sealed(&self, what: &str) -> Outcome<String> {
        for segment in std::fs::read_dir(self.data.join("audit/segments"))? {
            let text = std::fs::read_to_string(segment?.path())?;
            if let Some(line) = text.lines().find(|line| line.contains(what)) {
                return Ok(line.to_owned());
            }
        }
        Err("no record has it".into())
    }

    fn stop(self) -> Outcome<String> {
        self.guard.draining().begin();
        self.runtime.block_on(self.served)??;
        Ok(self.guard.shutdown(Duration::from_secs(10)).to_string())
    }
}

fn settings(data: &Path, peer: Option<SocketAddr>) -> Outcome<Settings> {
    let (keys, key) = (data.join("keys.txt"), data.join("peer.key"));
    std::fs::write(&keys, KEYS)?;
    std::fs::write(&key, PEER_KEY)?;
    let peer = match peer {
        Some(address) => Some(PeerSettings {
            url: format!("http://{address}").parse()?,
            key,
            interval: Duration::from_millis(100),
        }),
        None => None,
    };
    Ok(Settings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data: data.to_owned(),
        keys,
        capacity: 1 << 20,
        read_only: false,
        peer,
        snapshots: Duration::from_secs(60),
    })
}

/// What curl does in the README; the address of the object.
fn put(vault: SocketAddr) -> Outcome<String> {
    let mut answer = ureq::post(format!("http://{vault}/v1/objects?type=note"))
        .header("authorization", "Bearer key-of-alice-12345678")
        .header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"))
        .header("x-request-id", "order-7")
        .send("hello")?;
    let answer: serde_json::Value = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
    Ok(answer["address"].as_str().ok_or("no address")?.to_owned())
}

fn get(at: SocketAddr, path: &str) -> Outcome<String> {
    let mut answer = ureq::get(format!("http://{at}{path}"))
        .header("authorization", "Bearer key-of-alice-12345678")
        .call()?;
    Ok(answer.body_mut().read_to_string()?)
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Outcome<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() > end {
            return Err(format!("{what} did not come").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Log lines, kept.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn about(&self, what: &str) -> Outcome<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        let line = text.lines().find(|line| line.contains(what));
        Ok(line.ok_or("no line has it")?.to_owned())
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
