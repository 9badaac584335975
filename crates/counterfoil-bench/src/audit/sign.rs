//! What a signature costs: on every record, and on a head.

use std::hint::black_box;
use std::sync::Arc;

use counterfoil::audit::AuditChain;
use counterfoil::signer::Ed25519Signer;
use ed25519_dalek::{Signer as _, SigningKey};

use super::append::signed_head;
use super::peers;
use super::subject::Subject;
use crate::group::Outcome;
use crate::measure::{Batch, Effort, pair, round};
use crate::row::Row;

const OPS: u32 = 200;
/// Records of the log whose head is signed.
const RECORDS: u64 = 1_000;

pub(crate) fn rows(effort: Effort) -> Outcome<Vec<Row>> {
    let subject = Subject::new()?;
    let bare_key = SigningKey::from_bytes(&[7; 32]);
    let bare = || -> Batch<'_> {
        let key = &bare_key;
        Box::new(move |ops| {
            for _ in 0..ops {
                black_box(key.sign(black_box(&[7; 59])));
            }
        })
    };
    let floor = round(effort.round, 1, OPS, &bare);
    Ok(vec![
        record(effort, &subject, floor)?,
        checkpoint(effort, &subject, floor)?,
    ])
}

fn record(effort: Effort, subject: &Subject, floor: f64) -> Outcome<Row> {
    let signer = Arc::new(Ed25519Signer::from_seed(
        &format!("{}/record", subject.id),
        &[8; 32],
    )?);
    let ours = || -> Batch<'_> {
        let mut chain =
            AuditChain::new(subject.id.clone()).with_record_signer(Arc::clone(&signer) as _);
        let mut lines = Vec::new();
        let mut n = 0;
        Box::new(move |ops| {
            lines.clear();
            for _ in 0..ops {
                n += 1;
                black_box(subject.seal(&mut chain, &mut lines, n));
            }
        })
    };
    // The peer signs a session binding and heads, no records; its append is printed for scale.
    let witness = || -> Batch<'_> {
        let mut log = peers::witness();
        Box::new(move |ops| {
            for _ in 0..ops {
                black_box(log.append_result(subject.payload().as_bytes()));
            }
        })
    };
    let (ns_per_op, stock_ns_per_op) = pair(effort, 1, OPS, &ours, &witness);
    Ok(Row {
        name: "seal with a signature on every record".into(),
        threads: 1,
        ns_per_op,
        stock_ns_per_op,
        target_ns: Some(floor * 1.1),
        allocations_per_op: None,
        stock: "witness-log-core 0.6 in memory, which signs no records",
        figures: vec![("floor_ed25519_ns", floor)],
    })
}

fn checkpoint(effort: Effort, subject: &Subject, floor: f64) -> Outcome<Row> {
    let signer = Ed25519Signer::from_seed(subject.id.as_str(), &[7; 32])?;
    let ours = || -> Batch<'_> {
        let mut chain = AuditChain::new(subject.id.clone());
        let mut lines = Vec::new();
        for n in 1..=RECORDS {
            subject.seal(&mut chain, &mut lines, n);
        }
        let signer = &signer;
        Box::new(move |ops| (0..ops).for_each(|_| drop(black_box(signed_head(&mut chain, signer)))))
    };
    let witness = || -> Batch<'_> {
        let mut log = peers::witness();
        for _ in 0..RECORDS {
            log.append_result(subject.payload().as_bytes());
        }
        Box::new(move |ops| (0..ops).for_each(|_| drop(black_box(log.checkpoint_self()))))
    };
    let (ns_per_op, stock_ns_per_op) = pair(effort, 1, OPS, &ours, &witness);
    Ok(Row {
        name: "sign a head of 1000 records as a checkpoint".into(),
        threads: 1,
        ns_per_op,
        stock_ns_per_op,
        target_ns: Some(floor * 1.5),
        allocations_per_op: None,
        stock: "witness-log-core 0.6: checkpoint of as many records",
        figures: vec![("floor_ed25519_ns", floor)],
    })
}
