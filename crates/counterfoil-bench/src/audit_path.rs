//! What the audit log itself can do: seal, verify, make durable.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use audit_trail::{
    Action, Actor, Chain, MemorySink, Outcome as TrailOutcome, Sha256Hasher,
    SystemClock as TrailClock, Target,
};
use counterfoil::audit::verify::{VerifyOptions, verify_reader};
use counterfoil::audit::{AuditChain, AuditLog, Instance, Lane, SrcId};
use counterfoil::{LeaseId, Name, Observer, ResourceType, SystemClock, Timeline};
use sha2::{Digest as _, Sha256};

use crate::hot_path::Outcome;
use crate::lifecycle::{context, sample_body, sample_words};
use crate::measure::{Batch, Effort, allocations, pair, quantile, round};
use crate::row::Row;

const OPS: u32 = 5_000;
/// Records of the log that is verified.
const RECORDS: u64 = 100_000;

/// Seals one lease record after another in memory, the tree included.
pub(crate) fn seal(effort: Effort) -> Outcome<Row> {
    let clock = SystemClock::new();
    let timeline = Timeline::read(&clock);
    let words = sample_words(&clock)?;
    let id: counterfoil::ChainId = "bench.example.com/leases/1".parse()?;
    let ours = || -> Batch<'_> {
        let mut chain = AuditChain::new(id.clone());
        let (words, timeline) = (&words, &timeline);
        let src = SrcId::new(Instance(1), Lane::thread(0));
        let mut lines = Vec::with_capacity(8 << 20);
        let mut n = 0;
        Box::new(move |ops| {
            lines.clear();
            for _ in 0..ops {
                n += 1;
                black_box(
                    chain
                        .seal_event(&mut lines, words, &src, n, timeline, timeline.utc())
                        .is_ok(),
                );
            }
            black_box(chain.head());
        })
    };
    let trail = || -> Batch<'_> {
        let mut chain = Chain::new(Sha256Hasher::new(), MemorySink::new(), TrailClock::new());
        Box::new(move |ops| {
            for _ in 0..ops {
                let appended = chain.append(
                    Actor::new(
                        "tenant acme workload train-7 request 5f0c1e0a9d3b4c7e8f6a2b1d0c9e8f7a",
                    ),
                    Action::new("lease_allocated"),
                    Target::new(
                        "lease 7 node node-a trace 0af7651916cd43dd8448eb211c80319c bytes 4096",
                    ),
                    TrailOutcome::Success,
                );
                black_box(appended.is_ok());
            }
        })
    };
    let (ns_per_op, stock_ns_per_op) = pair(effort, 1, OPS, &ours, &trail);
    Ok(Row {
        name: "seal a lease record, in memory, tree on".into(),
        threads: 1,
        ns_per_op,
        stock_ns_per_op,
        target_ns: bare_hash(effort)? / 0.7,
        allocations_per_op: Some(allocations(OPS, ours())),
        stock: "audit-trail 1.1 in memory: SHA-256 of shorter binary records, no tree, no heads",
    })
}

/// Nanoseconds for the bare hash of one lease record, one stream.
fn bare_hash(effort: Effort) -> Outcome<f64> {
    let body = sample_body()?;
    let bare = || -> Batch<'_> {
        let body = &body;
        Box::new(move |ops| {
            for _ in 0..ops {
                black_box(Sha256::digest(black_box(body)));
            }
        })
    };
    Ok(round(effort.round, 1, OPS, &bare))
}

/// Verifies a log of lease records, read from memory; the floor is the bare hash of the same bytes.
pub(crate) fn verify(effort: Effort, jobs: usize) -> Outcome<Row> {
    let clock = SystemClock::new();
    let timeline = Timeline::read(&clock);
    let words = sample_words(&clock)?;
    let mut chain = AuditChain::new("bench.example.com/leases/1".parse()?);
    let src = SrcId::new(Instance(1), Lane::thread(0));
    let mut lines = Vec::new();
    for n in 1..=RECORDS {
        chain.seal_event(&mut lines, &words, &src, n, &timeline, timeline.utc())?;
    }
    let mut options = VerifyOptions::new();
    options.jobs = jobs;
    let time = |options: &VerifyOptions<'_>| {
        let mut samples: Vec<f64> = (0..effort.rounds)
            .map(|_| {
                let before = Instant::now();
                black_box(verify_reader(lines.as_slice(), "bench", options).exit_code());
                before.elapsed().as_nanos() as f64 / RECORDS as f64
            })
            .collect();
        quantile(&mut samples, 0.5)
    };
    let full = time(&options);
    options.hash_only = true;
    let hash_only = time(&options);
    let bare = bare_hash(effort)?;
    Ok(Row {
        name: format!("verify a record in full (hash only {hash_only:.0} ns)"),
        threads: jobs,
        ns_per_op: full,
        stock_ns_per_op: bare,
        target_ns: bare / 0.9 / jobs as f64,
        allocations_per_op: None,
        stock: "bare sha2 over the same bytes, one stream, one thread",
    })
}

/// Durable appends: every writer waits for each of its records before it makes the next.
pub(crate) fn durable(effort: Effort, writers: usize) -> Outcome<Row> {
    let directory = tempfile::tempdir()?;
    let log =
        AuditLog::builder(directory.path().join("audit"), "bench.example.com/leases").open()?;
    let observer = Observer::builder().audit(log).build()?;
    let (ctx, node) = (context()?, Name::new("node-a"));
    let length = effort.round * u32::try_from(effort.rounds).unwrap_or(1);
    let (stop, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let receipt =
                        observer.lease_acquired(&ctx, ResourceType::Mem, LeaseId(7), &node, 4_096);
                    if receipt.wait_durable(Duration::from_secs(10)).is_ok() {
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        std::thread::sleep(length);
        stop.store(true, Ordering::Relaxed);
    });
    let elapsed = begin.elapsed();
    let floor = synced_appends(length)?;
    if observer
        .close(Duration::from_secs(30))
        .is_none_or(|report| !report.finished)
    {
        return Err("the log did not close in order".into());
    }
    Ok(Row {
        name: format!("durable append, {writers} waiting writers"),
        threads: writers,
        ns_per_op: elapsed.as_nanos() as f64 / acknowledged.load(Ordering::Relaxed).max(1) as f64,
        stock_ns_per_op: floor,
        // Group commit is for many; alone, a writer cannot be faster than the disk.
        target_ns: if writers >= 256 { 20_000.0 } else { floor },
        allocations_per_op: None,
        stock: "write and fdatasync of the same bytes on the same disk, one by one",
    })
}

/// Nanoseconds for one write and fdatasync of a record: the physical floor without group commit.
fn synced_appends(length: Duration) -> Outcome<f64> {
    use std::io::Write as _;
    let mut file = tempfile::tempfile()?;
    let body = sample_body()?;
    let begin = Instant::now();
    let mut count = 0_u32;
    while begin.elapsed() < length {
        file.write_all(&body)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(begin.elapsed().as_nanos() as f64 / f64::from(count.max(1)))
}
