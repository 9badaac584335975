//! Durable appends: every writer waits for each of its records before it makes the next.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use audit_trail::FileSink;
use counterfoil::audit::AuditLog;
use counterfoil::{LeaseId, Name, Observer, ResourceType};
use parking_lot::Mutex;

use super::peers::{self, append_short};
use super::subject::Subject;
use crate::group::Outcome;
use crate::lifecycle::context;
use crate::measure::{Effort, quantile};
use crate::row::Row;

const PATIENCE: Duration = Duration::from_secs(30);

/// What waiting writers saw.
struct Waited {
    ns_per_op: f64,
    p50_ns: f64,
    p99_ns: f64,
}

pub(crate) fn row(effort: Effort, writers: usize) -> Outcome<Row> {
    let subject = Subject::new()?;
    let length = effort.round * u32::try_from(effort.rounds).unwrap_or(1);
    let ours = ours(length, writers)?;
    let trail = trail(length, writers)?;
    let witness = witness(length, writers, &subject)?;
    let floor = synced_appends(length, &subject)?;
    Ok(Row {
        name: format!("durable append, {writers} waiting writers"),
        threads: writers,
        ns_per_op: ours.ns_per_op,
        stock_ns_per_op: trail.ns_per_op.min(witness.ns_per_op),
        // Group commit is for many (50 000 a second); alone, a writer cannot be faster than the disk.
        target_ns: Some(if writers >= 256 { 20_000.0 } else { floor }),
        allocations_per_op: None,
        stock: "the faster of audit-trail 1.1 and witness-log-core 0.6 behind a mutex, a sync for each record",
        figures: vec![
            ("p50_ns", ours.p50_ns),
            ("p99_ns", ours.p99_ns),
            ("p99_target_ns", 30e6),
            ("audit_trail_ns", trail.ns_per_op),
            ("audit_trail_p99_ns", trail.p99_ns),
            ("witness_log_core_ns", witness.ns_per_op),
            ("witness_log_core_p99_ns", witness.p99_ns),
            ("floor_write_and_fdatasync_ns", floor),
        ],
    })
}

fn ours(length: Duration, writers: usize) -> Outcome<Waited> {
    let directory = tempfile::tempdir()?;
    let log =
        AuditLog::builder(directory.path().join("audit"), "bench.example.com/leases").open()?;
    let observer = Observer::builder().audit(log).build()?;
    let (ctx, node) = (context()?, Name::new("node-a"));
    let waited = waiting(length, writers, &|| {
        let receipt = observer.lease_acquired(&ctx, ResourceType::Mem, LeaseId(7), &node, 4_096);
        receipt.wait_durable(PATIENCE).is_ok()
    });
    if observer
        .close(PATIENCE)
        .is_none_or(|report| !report.finished)
    {
        return Err("the log did not close in order".into());
    }
    waited
}

fn trail(length: Duration, writers: usize) -> Outcome<Waited> {
    let directory = tempfile::tempdir()?;
    let sink = FileSink::open_or_create(directory.path().join("trail"))?;
    let chain = Mutex::new(peers::trail(sink));
    waiting(length, writers, &|| {
        let mut chain = chain.lock();
        append_short(&mut chain) && chain.sink_mut().sync().is_ok()
    })
}

fn witness(length: Duration, writers: usize, subject: &Subject) -> Outcome<Waited> {
    let directory = tempfile::tempdir()?;
    let log = Mutex::new(peers::witness_journal(&directory.path().join("journal"))?);
    let payload = subject.payload().as_bytes();
    waiting(length, writers, &|| {
        let mut log = log.lock();
        log.append_result(payload).is_ok() && log.sync().is_ok()
    })
}

/// Lets every writer append and wait, over and over.
fn waiting(
    length: Duration,
    writers: usize,
    append: &(dyn Fn() -> bool + Sync),
) -> Outcome<Waited> {
    let stop = AtomicBool::new(false);
    let begin = Instant::now();
    let samples: Vec<Option<Vec<f64>>> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..writers)
            .map(|_| {
                scope.spawn(|| {
                    let mut samples = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let before = Instant::now();
                        if !append() {
                            return None;
                        }
                        samples.push(before.elapsed().as_nanos() as f64);
                    }
                    Some(samples)
                })
            })
            .collect();
        std::thread::sleep(length);
        stop.store(true, Ordering::Relaxed);
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap_or_default())
            .collect()
    });
    let elapsed = begin.elapsed();
    let samples: Option<Vec<Vec<f64>>> = samples.into_iter().collect();
    let mut samples = samples.ok_or("an append failed")?.concat();
    Ok(Waited {
        ns_per_op: elapsed.as_nanos() as f64 / samples.len().max(1) as f64,
        p50_ns: quantile(&mut samples, 0.5),
        p99_ns: quantile(&mut samples, 0.99),
    })
}

/// Nanoseconds for one write and fdatasync of a record: the physical floor without group commit.
fn synced_appends(length: Duration, subject: &Subject) -> Outcome<f64> {
    let mut file = tempfile::tempfile()?;
    let begin = Instant::now();
    let mut count = 0_u32;
    while begin.elapsed() < length {
        file.write_all(&subject.hashed)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(begin.elapsed().as_nanos() as f64 / f64::from(count.max(1)))
}
