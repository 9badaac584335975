//! Verifying a log that lies in the page cache.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use audit_trail::{FileReader, FileSink, Sha256Hasher, Verifier};
use counterfoil::audit::verify::{VerifyOptions, verify_path};
use sha2::{Digest as _, Sha256};
use witness_log_core::journal::LeafJournal;

use super::peers::{self, append_short};
use super::subject::Subject;
use crate::group::Outcome;
use crate::measure::{Effort, median};
use crate::row::Row;

const RECORDS: u64 = 200_000;

/// In full and by hash only, on one thread and on two.
pub(crate) fn rows(effort: Effort) -> Outcome<Vec<Row>> {
    let subject = Subject::new()?;
    let directory = tempfile::tempdir()?;
    let log = directory.path().join("log.jsonl");
    fs::write(&log, subject.log(RECORDS)?)?;
    let trail = directory.path().join("trail");
    write_trail(&trail)?;
    let journal = directory.path().join("journal");
    write_journal(&journal, &subject)?;

    let mut rows = Vec::new();
    for (hash_only, share) in [(false, 0.9), (true, 1.5)] {
        for jobs in [1, 2] {
            let mut samples = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for _ in 0..effort.rounds {
                samples.0.push(timed(|| ours(&log, jobs, hash_only))?);
                samples.1.push(timed(|| verify_trail(&trail))?);
                samples.2.push(timed(|| bare(&subject))?);
            }
            samples.3.push(timed(|| replay(&journal))?);
            let floor = median(&mut samples.2);
            rows.push(Row {
                name: format!(
                    "verify from the page cache, {}",
                    if hash_only { "hash only" } else { "in full" }
                ),
                threads: jobs,
                ns_per_op: median(&mut samples.0),
                stock_ns_per_op: median(&mut samples.1),
                target_ns: Some(floor / share / jobs as f64),
                allocations_per_op: None,
                stock: "audit-trail 1.1: FileReader and Verifier over its shorter records, one thread",
                figures: vec![
                    ("floor_sha256_ns", floor),
                    ("witness_log_core_replay_ns", median(&mut samples.3)),
                ],
            });
        }
    }
    Ok(rows)
}

/// Nanoseconds for each record.
fn timed(verify: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
    let before = Instant::now();
    verify()?;
    Ok(before.elapsed().as_nanos() as f64 / RECORDS as f64)
}

fn ours(log: &Path, jobs: usize, hash_only: bool) -> Outcome<()> {
    let mut options = VerifyOptions::new();
    options.jobs = jobs;
    options.hash_only = hash_only;
    let report = verify_path(log, &options);
    // INCOMPLETE, for want of a head; everything that was read was judged.
    if report.records == RECORDS && report.exit_code() == 3 {
        return Ok(());
    }
    Err(format!("a good log was judged: {report}").into())
}

fn bare(subject: &Subject) -> Outcome<()> {
    for _ in 0..RECORDS {
        black_box(Sha256::digest(black_box(&subject.hashed)));
    }
    Ok(())
}

fn write_trail(path: &Path) -> Outcome<()> {
    let mut chain = peers::trail(FileSink::open_or_create(path)?);
    for _ in 0..RECORDS {
        append_short(&mut chain);
    }
    chain.sink_mut().flush()?;
    Ok(())
}

fn verify_trail(path: &Path) -> Outcome<()> {
    let mut verifier = Verifier::new(Sha256Hasher::new());
    let mut records = 0;
    for record in FileReader::open(path)? {
        verifier.verify(&record?.as_record())?;
        records += 1;
    }
    if records == RECORDS {
        Ok(())
    } else {
        Err(format!("audit-trail read {records} records").into())
    }
}

fn write_journal(path: &Path, subject: &Subject) -> Outcome<()> {
    let mut log = peers::witness_journal(path)?;
    for _ in 0..RECORDS {
        log.append_result(subject.payload().as_bytes())?;
    }
    log.sync()?;
    Ok(())
}

fn replay(path: &Path) -> Outcome<()> {
    let path = path.to_str().ok_or("the temporary path is not UTF-8")?;
    let (log, _) = LeafJournal::replay_with_identity(path, &peers::identity().to_bytes())?;
    black_box(log);
    Ok(())
}
