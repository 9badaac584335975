//! Taking a foreign chain in, in pieces of a size that producers send.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use counterfoil::audit::intake::Intake;
use counterfoil::audit::verify::{VerifyOptions, verify_reader};
use counterfoil::signer::Keyring;
use sha2::{Digest as _, Sha256};

use super::subject::Subject;
use crate::group::Outcome;
use crate::measure::{Effort, median};
use crate::row::Row;

const RECORDS: u64 = 100_000;
/// An intake may cost what the verification of the whole costs, and this much more for its pieces.
const SHARE: f64 = 1.1;

/// In pieces of 64 and of 1 000 records, beside a verification of the whole and the bare hash of the same bytes.
pub(crate) fn rows(effort: Effort) -> Outcome<Vec<Row>> {
    let subject = Subject::new()?;
    let log = subject.log(RECORDS)?;
    let mut rows = Vec::new();
    for (name, records) in [
        ("take a chain in, 64 records at once", 64),
        ("take a chain in, 1 000 records at once", 1_000),
    ] {
        let mut samples = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..effort.rounds {
            samples.0.push(timed(|| take_in(&subject, &log, records))?);
            samples.1.push(timed(|| verify(&log))?);
            samples.2.push(timed(|| bare(&subject))?);
        }
        let whole = median(&mut samples.1);
        rows.push(Row {
            name: name.to_owned(),
            threads: 1,
            ns_per_op: median(&mut samples.0),
            stock_ns_per_op: whole,
            target_ns: Some(whole * SHARE),
            allocations_per_op: None,
            stock: "verify_reader over the whole of the same log, one thread",
            figures: vec![("floor_sha256_ns", median(&mut samples.2))],
        });
    }
    Ok(rows)
}

/// Nanoseconds for each record.
fn timed(work: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
    let before = Instant::now();
    work()?;
    Ok(before.elapsed().as_nanos() as f64 / RECORDS as f64)
}

fn take_in(subject: &Subject, log: &[u8], records: usize) -> Outcome<()> {
    let mut intake = Intake::new(subject.id.clone(), Arc::new(Keyring::new()), None);
    let (mut from, mut count) = (0, 0);
    for (at, _) in log.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        count += 1;
        if count == records {
            from += intake.offer(&log[from..=at]).bytes;
            count = 0;
        }
    }
    intake.offer(&log[from..]);
    if intake.seq() == RECORDS {
        return Ok(());
    }
    Err(format!("a good log was taken up to record {}", intake.seq()).into())
}

fn verify(log: &[u8]) -> Outcome<()> {
    let report = verify_reader(log, "log", &VerifyOptions::new());
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
