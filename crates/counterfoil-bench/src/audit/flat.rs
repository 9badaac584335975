//! Whether the ten-millionth record costs what the ten-thousandth did.

use std::hint::black_box;
use std::time::Instant;

use counterfoil::audit::AuditChain;
use counterfoil::signer::Ed25519Signer;

use super::append::signed_head;
use super::subject::Subject;
use crate::group::Outcome;
use crate::measure::median;
use crate::row::Row;

/// Records of a sample; each ends with a signed head.
const SAMPLE: u64 = 10_000;
/// Samples at either end.
const SAMPLES: u64 = 50;

/// Appends ten million records in memory (with `long`, else one million) and compares the last with the first.
pub(crate) fn append(long: bool) -> Outcome<Row> {
    let records = if long { 10_000_000 } else { 1_000_000 };
    let subject = Subject::new()?;
    let signer = Ed25519Signer::from_seed(subject.id.as_str(), &[7; 32])?;
    let mut chain = AuditChain::new(subject.id.clone());
    let mut lines = Vec::with_capacity(8 << 20);
    let mut samples = Vec::new();
    let mut n = 0;
    while n < records {
        let before = Instant::now();
        lines.clear();
        for _ in 0..SAMPLE {
            n += 1;
            black_box(subject.seal(&mut chain, &mut lines, n));
        }
        black_box(signed_head(&mut chain, &signer));
        samples.push(before.elapsed().as_nanos() as f64 / SAMPLE as f64);
    }
    let ends = samples.len().min(2 * SAMPLES as usize) / 2;
    let last = samples.len() - ends;
    let (first, last) = (
        median(&mut samples[..ends].to_vec()),
        median(&mut samples[last..].to_vec()),
    );
    Ok(Row {
        name: format!("append at {records} records against the beginning"),
        threads: 1,
        ns_per_op: last,
        stock_ns_per_op: first,
        target_ns: Some(first * 1.1),
        allocations_per_op: None,
        stock: "the same chain at its first 500 000 records",
        figures: vec![("resident_mib", resident_mib())],
    })
}

/// Memory of this process; zero where the system does not say.
pub(crate) fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1_024.0
}
