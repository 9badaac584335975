//! Making an inclusion proof: from the tiles of a log on disk, and as the peer does, from memory.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use counterfoil::audit::tlog::TiledLog;
use counterfoil::audit::{AuditLog, WhenFull};
use counterfoil::{Context, FabricEvent, Head, LeaseId, Name, ResourceType};

use super::flat::resident_mib;
use super::peers;
use super::subject::Subject;
use crate::group::Outcome;
use crate::lifecycle::context;
use crate::measure::quantile;
use crate::row::Row;

const PATIENCE: Duration = Duration::from_secs(600);
/// Proofs of one row.
const PROOFS: u64 = 2_000;
/// Proofs of the peer, each of which takes time in proportion to the log.
const PEER_PROOFS: u64 = 20;
/// A record of the peer's takes longer to append than its proof to compare.
const PEER_RECORDS: u64 = 100_000;

/// A row for each power of ten: up to ten million records with `long`, else up to one million.
pub(crate) fn rows(long: bool) -> Outcome<Vec<Row>> {
    let sizes = [10_000, 100_000, 1_000_000, 10_000_000];
    let subject = Subject::new()?;
    sizes[..if long { 4 } else { 3 }]
        .iter()
        .map(|records| row(*records, &subject))
        .collect()
}

fn row(records: u64, subject: &Subject) -> Outcome<Row> {
    let directory = tempfile::tempdir()?;
    let log = directory.path().join("audit");
    let head = write(&log, records)?;
    let root = head.root.ok_or("a head of a log has a root")?;
    let tiled = TiledLog::open(&log)?;
    let prove = |seq| tiled.inclusion(seq, head.seq, &root);
    // Finds out where the lines lie.
    for seq in spread(head.seq, PROOFS) {
        black_box(prove(seq)?);
    }
    let mut samples = Vec::new();
    for seq in spread(head.seq, PROOFS) {
        let before = Instant::now();
        black_box(prove(seq)?);
        samples.push(before.elapsed().as_nanos() as f64);
    }
    Ok(Row {
        name: format!("inclusion proof, made and verified, of {records} records"),
        threads: 1,
        ns_per_op: quantile(&mut samples, 0.5),
        stock_ns_per_op: peer(records.min(PEER_RECORDS), subject),
        target_ns: Some(50_000.0),
        allocations_per_op: None,
        stock: "witness-log-core 0.6, in memory, of at most 100 000 records",
        figures: vec![
            ("p99_ns", quantile(&mut samples, 0.99)),
            ("resident_mib", resident_mib()),
        ],
    })
}

/// A log of so many records of leases, and a few of its own.
fn write(dir: &Path, records: u64) -> Outcome<Head> {
    let log = AuditLog::builder(dir, "bench.example.com/leases")
        .when_full(WhenFull::Block(PATIENCE))
        .open()?;
    let context: Context = context()?;
    let event = FabricEvent::LeaseAcquired {
        resource_type: ResourceType::Mem,
        lease_id: LeaseId(7),
        node: Name::new("node-a"),
        bytes: 4_096,
    };
    for _ in 0..records {
        log.append_event(&event, &context);
    }
    let head = log.anchor_now(PATIENCE)?;
    if !log.close(PATIENCE).finished {
        return Err("the log did not close in order".into());
    }
    Ok(head)
}

/// Nanoseconds for a proof of the peer.
fn peer(records: u64, subject: &Subject) -> f64 {
    let mut log = peers::witness();
    for _ in 0..records {
        log.append_result(subject.payload().as_bytes());
    }
    let mut samples: Vec<f64> = spread(records, PEER_PROOFS)
        .map(|seq| {
            let before = Instant::now();
            black_box(log.inclusion_proof(seq - 1));
            before.elapsed().as_nanos() as f64
        })
        .collect();
    quantile(&mut samples, 0.5)
}

/// Numbers from 1 to `size`, in an order that no cache can foresee.
fn spread(size: u64, count: u64) -> impl Iterator<Item = u64> {
    // A multiplicative step that shares no factor with a power of ten visits every place.
    (1..=count).map(move |i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) % size + 1)
}
