//! `bench collector`: the daemon over loopback HTTP under `counterfoil load`, with the floors of the same run.

mod daemon;

use std::hint::black_box;
use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::audit::Subject;
use crate::group::{Group, Outcome, run_groups};
use crate::row::Row;
use daemon::{Daemon, binary};

/// Chains that are extended, and connections that do it.
const CHAINS: &str = "100";
const CONNECTIONS: &str = "32";
/// Records that the floors are measured with.
const FLOOR_RECORDS: u64 = 200_000;
/// The targets: nanoseconds per record for 300 000 records a second, and of the time of acknowledgement at half the rate.
const TARGET_NS: f64 = 1e9 / 300_000.0;
const TARGET_P99_NS: f64 = 50e6;

/// Measures the groups whose name contains `only` for `length` each, and hands each row to `emit` as soon as it is known.
pub(crate) fn run(length: Duration, only: &str, emit: impl FnMut(&Row)) -> Outcome<()> {
    let groups: Vec<Group<'_>> = vec![("ingest", Box::new(move || ingest(length)))];
    run_groups(&groups, only, emit)
}

/// As fast as records are taken, and then at half that rate on a fresh collector.
fn ingest(length: Duration) -> Outcome<Vec<Row>> {
    let floors = Floors::measure()?;
    let (fast, peak) = load(length, 0)?;
    let rate = number(&fast, "/records_per_second");
    let (half, half_peak) = load(length, (rate / 2.0) as u64)?;
    let ns = |report: &Value, quantile| number(report, quantile) * 1e6;
    let throughput = Row {
        name: "ingest over loopback HTTP, 100 chains".into(),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        ns_per_op: 1e9 / rate,
        stock_ns_per_op: floors.hash + floors.write,
        target_ns: Some(TARGET_NS),
        allocations_per_op: None,
        stock: "the floor: SHA-256 of the same bytes, and one sequential write and fdatasync of them",
        figures: vec![
            ("records_per_second", rate),
            ("ack_p99_ns", ns(&fast, "/latency_ms/p99")),
            ("floor_sha256_ns", floors.hash),
            ("floor_write_fdatasync_ns", floors.write),
            (
                "generator_cpu_ns",
                number(&fast, "/generator/cpu_ns_per_record"),
            ),
            ("daemon_peak_bytes", peak),
            ("configured_bound_bytes", daemon::BOUND as f64),
        ],
    };
    let acknowledgement = Row {
        name: "p99 of acknowledgement at half that rate".into(),
        threads: throughput.threads,
        ns_per_op: ns(&half, "/latency_ms/p99"),
        stock_ns_per_op: floors.sync,
        target_ns: Some(TARGET_P99_NS),
        allocations_per_op: None,
        stock: "the floor: one write and fdatasync of a request's bytes",
        figures: vec![
            ("offered_per_second", number(&half, "/rate")),
            ("records_per_second", number(&half, "/records_per_second")),
            ("unsent_records", number(&half, "/records/unsent")),
            ("ack_p50_ns", ns(&half, "/latency_ms/p50")),
            ("ack_p999_ns", ns(&half, "/latency_ms/p999")),
            ("ack_max_ns", ns(&half, "/latency_ms/max")),
            ("daemon_peak_bytes", half_peak),
        ],
    };
    Ok(vec![throughput, acknowledgement])
}

/// What a load of so many records per second came to, its own check included, and the daemon's largest resident memory in bytes.
fn load(length: Duration, rate: u64) -> Outcome<(Value, f64)> {
    let daemon = Daemon::start()?;
    // Megabytes of what can be taken in that time, so that nothing is sealed while the clock runs.
    let ahead = (length.as_secs() * 250).to_string();
    let output = Command::new(binary()?)
        .args(["load", "--output", "json", "--chains", CHAINS])
        .args(["--connections", CONNECTIONS, "--url", daemon.url()])
        .args(["--rate", &rate.to_string(), "--seal-ahead", &ahead])
        .args([
            "--duration",
            &format!("{}ms", length.as_millis()),
            "--check",
        ])
        .arg(daemon.data())
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("the load ended with {}: {said}", output.status).into());
    }
    let report = serde_json::from_slice(&output.stdout)?;
    Ok((report, daemon.peak()?))
}

fn number(report: &Value, pointer: &str) -> f64 {
    let value = report.pointer(pointer).and_then(Value::as_f64);
    value.unwrap_or(f64::NAN)
}

/// Nanoseconds per record, and per sync, of what no collector can do without.
struct Floors {
    hash: f64,
    write: f64,
    sync: f64,
}

impl Floors {
    fn measure() -> Outcome<Self> {
        let lines = Subject::new()?.log(FLOOR_RECORDS)?;
        let per_record = |begun: Instant| begun.elapsed().as_nanos() as f64 / FLOOR_RECORDS as f64;
        let begun = Instant::now();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            black_box(Sha256::digest(black_box(line)));
        }
        let hash = per_record(begun);
        let mut file = tempfile::tempfile()?;
        let begun = Instant::now();
        file.write_all(&lines)?;
        file.sync_data()?;
        let write = per_record(begun);
        let request = &lines[..lines.len() / FLOOR_RECORDS as usize * 500];
        let begun = Instant::now();
        file.write_all(request)?;
        file.sync_data()?;
        let sync = begun.elapsed().as_nanos() as f64;
        Ok(Self { hash, write, sync })
    }
}
