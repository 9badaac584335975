//! Killing the collector under load while retention lets go: what it acknowledged and has not let go is there once, whenever it is killed.
//!
//! `COUNTERFOIL_ENDURE_SECONDS` says for how long, 12 unless told; a kill comes after a sixth of that, after 20 seconds at most.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::run::{Ran, counterfoil};

/// Longest time between two kills.
const MOST: Duration = Duration::from_secs(20);

/// A collector that is killed when it is dropped.
struct Collector {
    child: Child,
}

impl Collector {
    /// Starts it and waits until it says where it listens.
    fn start(config: &Path) -> Self {
        let log = config.with_extension("log");
        let log = File::options().create(true).append(true).open(log).unwrap();
        let mut child = counterfoil()
            .args(["collect", "--config"])
            .arg(config)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut said).unwrap();
        assert!(
            said.starts_with("collecting at "),
            "{said:?}: {}",
            log_of(config)
        );
        Self { child }
    }

    /// The end that nothing can prepare for.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn log_of(config: &Path) -> String {
    std::fs::read_to_string(config.with_extension("log")).unwrap_or_default()
}

/// Records of a segment: so small a one ends at the first multiple of these.
const SEGMENT: u64 = 256;

/// A configuration with small segments of which few are kept, at a port that is free now and stays the same over restarts.
fn configure(dir: &Path) -> (PathBuf, String) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    let config = dir.join("collector.toml");
    let text = format!(
        "[listen]\naddress = \"{address}\"\n[intake]\ndata = \"data\"\nsegment = \"16KiB\"\n\
         retention_interval = \"500ms\"\n[telemetry]\nenabled = false\n\
         [tenant_defaults]\nretention_size = \"256KiB\"\n"
    );
    std::fs::write(&config, text).unwrap();
    (config, format!("http://{address}"))
}

/// How many segments of all chains are gone.
fn let_go(data: &Path) -> u64 {
    let chains = std::fs::read_dir(data.join("tenants")).unwrap();
    let chains = chains.flat_map(|tenant| {
        let chains = tenant.unwrap().path().join("chains");
        std::fs::read_dir(chains).unwrap()
    });
    let first = |chain: std::io::Result<std::fs::DirEntry>| {
        let segments = std::fs::read_dir(chain.unwrap().path().join("segments")).ok()?;
        let first = |name: &std::ffi::OsStr| name.to_str()?.split('.').next()?.parse::<u64>().ok();
        segments
            .filter_map(|it| first(&it.unwrap().file_name()))
            .min()
    };
    chains.filter_map(first).map(|it| (it - 1) / SEGMENT).sum()
}

#[test]
fn a_collector_that_is_killed_again_and_again_loses_nothing_and_has_nothing_twice() {
    let seconds = std::env::var("COUNTERFOIL_ENDURE_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(12);
    let length = Duration::from_secs(seconds);
    let dir = tempfile::tempdir().unwrap();
    let (config, url) = configure(dir.path());
    let mut collector = Collector::start(&config);
    let load = counterfoil()
        .args(["load", "--url", &url, "--output", "json", "--chains", "20"])
        .args(["--batch", "100", "--connections", "8", "--rate", "4000"])
        .args(["--seal-ahead", "0", "--patience", "60s"])
        .args(["--duration", &format!("{seconds}s"), "--check"])
        .arg(dir.path().join("data"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let mut kills = 0;
    let every = MOST.min(length / 6);
    while begun.elapsed() + every < length {
        std::thread::sleep(every);
        collector.kill();
        kills += 1;
        collector = Collector::start(&config);
    }
    let ran: Ran = load.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{ran:?}\n{}", log_of(&config));
    let report = ran.json();
    assert!(kills > 0);
    assert_eq!(report["check"]["failures"].as_array().unwrap().len(), 0);
    assert_eq!(report["check"]["valid"], 20, "{report}");
    assert!(report["records"]["acknowledged"].as_u64().unwrap() > 0);
    let let_go = let_go(&dir.path().join("data"));
    assert!(let_go > 0, "retention let nothing go: {report}");
    eprintln!("{kills} kills, {let_go} segments let go: {report}");
    drop(collector);
}
