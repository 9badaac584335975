//! Appending without waiting for the disk: in memory, and into a file that is not synced.

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use audit_trail::{FileSink, MemorySink};
use counterfoil::audit::{AuditChain, AuditInput, AuditLog, WhenFull};
use counterfoil::signer::{Ed25519Signer, sign_checkpoint};
use counterfoil::{FabricEvent, LeaseId, Name, ResourceType};
use counterfoil_merkle::checkpoint::Checkpoint;
use sha2::{Digest as _, Sha256};

use super::peers::{self, append_short};
use super::subject::Subject;
use crate::group::Outcome;
use crate::lifecycle::context;
use crate::measure::{Batch, Effort, allocations, median, pair, round};
use crate::row::Row;

/// Records between two signed heads: the log's default.
const PER_HEAD: u32 = 10_000;
/// Records of one written log.
const WRITTEN: u64 = 200_000;
const PATIENCE: Duration = Duration::from_secs(120);

/// Seals in memory, with tree and a signed head every 10 000 records.
pub(crate) fn in_memory(effort: Effort) -> Outcome<Row> {
    let subject = Subject::new()?;
    let signer = Ed25519Signer::from_seed(subject.id.as_str(), &[7; 32])?;
    let ours = || -> Batch<'_> {
        let mut chain = AuditChain::new(subject.id.clone());
        let (subject, signer) = (&subject, &signer);
        let mut lines = Vec::with_capacity(8 << 20);
        let mut n = 0;
        Box::new(move |ops| {
            lines.clear();
            for _ in 0..ops {
                n += 1;
                black_box(subject.seal(&mut chain, &mut lines, n));
            }
            black_box(signed_head(&mut chain, signer));
        })
    };
    let short = || -> Batch<'_> {
        let mut chain = peers::trail(MemorySink::new());
        Box::new(move |ops| {
            for _ in 0..ops {
                black_box(append_short(&mut chain));
            }
        })
    };
    let same_bytes = || -> Batch<'_> {
        let mut chain = peers::trail(MemorySink::new());
        let payload = subject.payload();
        Box::new(move |ops| {
            for _ in 0..ops {
                black_box(peers::append(&mut chain, "", payload));
            }
        })
    };
    let witness = || -> Batch<'_> {
        let mut log = peers::witness();
        let payload = subject.payload().as_bytes();
        Box::new(move |ops| {
            for _ in 0..ops {
                black_box(log.append_result(payload));
            }
        })
    };
    let (ns_per_op, trail_ns) = pair(effort, 1, PER_HEAD, &ours, &short);
    let trail_same_ns = round(effort.round, 1, PER_HEAD, &same_bytes);
    let witness_ns = round(effort.round, 1, PER_HEAD, &witness);
    let floor = bare_hash(effort, &subject);
    Ok(Row {
        name: "append in memory, tree and signed heads on".into(),
        threads: 1,
        ns_per_op,
        stock_ns_per_op: trail_ns,
        target_ns: Some(floor / 0.7),
        allocations_per_op: Some(allocations(PER_HEAD, ours())),
        stock: "audit-trail 1.1 in memory, the same facts in its shorter binary form; no tree, no heads",
        figures: vec![
            ("floor_sha256_ns", floor),
            ("audit_trail_same_bytes_ns", trail_same_ns),
            ("witness_log_core_ns", witness_ns),
        ],
    })
}

/// The note over the chain's head.
pub(crate) fn signed_head(chain: &mut AuditChain, signer: &Ed25519Signer) -> Option<String> {
    let head = chain.head()?;
    let checkpoint = Checkpoint::new(head.chain.as_str(), head.seq, head.root?).ok()?;
    let note = sign_checkpoint(signer, &checkpoint).ok()??;
    Some(note.to_text())
}

/// Nanoseconds for the bare hash of one lease record, one stream.
pub(crate) fn bare_hash(effort: Effort, subject: &Subject) -> f64 {
    let bare = || -> Batch<'_> {
        let hashed = &subject.hashed;
        Box::new(move |ops| {
            for _ in 0..ops {
                black_box(Sha256::digest(black_box(hashed)));
            }
        })
    };
    round(effort.round, 1, PER_HEAD, &bare)
}

/// One thread appends to a log as fast as it takes them; the time until all are in a file, tiles and signed heads included.
pub(crate) fn written(effort: Effort) -> Outcome<Row> {
    let subject = Subject::new()?;
    let mut samples = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds.div_ceil(3) {
        samples.0.push(written_ours()?);
        samples.1.push(written_trail()?);
        samples.2.push(written_witness(&subject)?);
        samples.3.push(written_bare(&subject)?);
    }
    Ok(Row {
        name: "append, written and not waited for".into(),
        threads: 1,
        ns_per_op: median(&mut samples.0),
        stock_ns_per_op: median(&mut samples.1),
        // 250 000 a second.
        target_ns: Some(4_000.0),
        allocations_per_op: None,
        stock: "audit-trail 1.1, buffered FileSink, no sync",
        figures: vec![
            ("witness_log_core_ns", median(&mut samples.2)),
            ("floor_hash_and_write_ns", median(&mut samples.3)),
        ],
    })
}

fn written_ours() -> Outcome<f64> {
    let directory = tempfile::tempdir()?;
    let log = AuditLog::builder(directory.path().join("audit"), "bench.example.com/leases")
        .when_full(WhenFull::Block(PATIENCE))
        .signer(|id| {
            Ok(std::sync::Arc::new(Ed25519Signer::from_seed(
                id.as_str(),
                &[7; 32],
            )?))
        })
        .open()?;
    let context = context()?;
    let event = FabricEvent::LeaseAcquired {
        resource_type: ResourceType::Mem,
        lease_id: LeaseId(7),
        node: Name::new("node-a"),
        bytes: 4_096,
    };
    let begin = Instant::now();
    for _ in 1..WRITTEN {
        log.append_event(&event, &context);
    }
    log.append(AuditInput::unassigned_event(&event, &context))
        .wait_written(PATIENCE)?;
    let elapsed = begin.elapsed();
    let figures = log.figures();
    if figures.rejected + figures.dropped > 0 {
        return Err("records were refused, so the row would compare loss with no loss".into());
    }
    log.close(PATIENCE);
    Ok(per_record(elapsed))
}

fn written_trail() -> Outcome<f64> {
    let directory = tempfile::tempdir()?;
    let sink = FileSink::open_or_create(directory.path().join("trail"))?;
    let mut chain = peers::trail(sink);
    let begin = Instant::now();
    for _ in 0..WRITTEN {
        if !append_short(&mut chain) {
            return Err("audit-trail refused a record".into());
        }
    }
    chain.sink_mut().flush()?;
    Ok(per_record(begin.elapsed()))
}

fn written_witness(subject: &Subject) -> Outcome<f64> {
    let directory = tempfile::tempdir()?;
    let mut log = peers::witness_journal(&directory.path().join("journal"))?;
    let payload = subject.payload().as_bytes();
    let begin = Instant::now();
    for _ in 0..WRITTEN {
        log.append_result(payload)?;
    }
    Ok(per_record(begin.elapsed()))
}

/// One hash and its share of a large write for each record: what cannot be saved.
fn written_bare(subject: &Subject) -> Outcome<f64> {
    const AT_ONCE: usize = 512;
    let mut file = tempfile::tempfile()?;
    let line = subject.log(1)?;
    let chunk = line.repeat(AT_ONCE);
    let begin = Instant::now();
    for _ in 0..WRITTEN as usize / AT_ONCE {
        for _ in 0..AT_ONCE {
            black_box(Sha256::digest(black_box(&subject.hashed)));
        }
        file.write_all(&chunk)?;
    }
    Ok(per_record(begin.elapsed()))
}

fn per_record(elapsed: Duration) -> f64 {
    elapsed.as_nanos() as f64 / WRITTEN as f64
}
