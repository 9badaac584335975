//! Rows of text that passes the redactor and in which there is nothing to find, as in nearly every line of a log.

use std::hint::black_box;

use counterfoil::{Redact as _, Redactor};
use regex::RegexSet;

use crate::group::Outcome;
use crate::measure::{Batch, Effort, allocations, pair};
use crate::row::Row;

const OPS: u32 = 2_000;

const LINES: [&str; 4] = [
    "lease 4711 of 4096 bytes was renewed on node-a in 12 ms, 300 s after it was acquired",
    "GET /orders/42?page=3 answered 200 in 0.8 ms, 1 204 bytes, trace 0af7651916cd43dd8448eb211c80319c",
    "connection to 10.0.3.17:5432 was lost: broken pipe (os error 32); trying again in 250 ms, attempt 3 of 8",
    "checkpoint 118 923 of audit.example.com/leases/1 anchored at 2026-11-25T22:00:01.123456789Z after 3.2 ms",
];

/// The same shapes as expressions: tokens, PEM, cloud keys, authorisation, URLs with a password, pairs, cards and addresses.
const EXPRESSIONS: [&str; 8] = [
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bsk_live_[A-Za-z0-9]{16,}|\bAIza[A-Za-z0-9_-]{35}",
    r"(?i)\b(?:bearer|basic)\s+[A-Za-z0-9+/._=-]{8,}",
    r"[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]+@",
    r#"(?i)(?:password|passwd|secret|token|api[_-]?key|cookie)["']?\s*[=:]\s*\S+"#,
    r"\b(?:\d[ -]?){13,19}\b",
    r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
];

pub(crate) fn rows(effort: Effort) -> Outcome<Vec<Row>> {
    let redactor = Redactor::default();
    if let Some(line) = LINES.iter().find(|line| redactor.redact(line).is_some()) {
        return Err(format!("this line is not clean: {line}").into());
    }
    let expressions = RegexSet::new(EXPRESSIONS)?;
    let ours = || over_lines(|line| redactor.redact(line).is_some());
    let stock = || over_lines(|line| expressions.is_match(line));
    let (ns_per_op, stock_ns_per_op) = pair(effort, 1, OPS, &ours, &stock);
    let bytes = LINES.iter().map(|line| line.len()).sum::<usize>() as f64 / LINES.len() as f64;
    Ok(vec![Row {
        name: "redactor, a clean line of text".into(),
        threads: 1,
        ns_per_op,
        stock_ns_per_op,
        target_ns: None,
        allocations_per_op: Some(allocations(OPS, ours())),
        stock: "regex 1.13 RegexSet::is_match over eight expressions for the same shapes",
        figures: vec![
            ("bytes_per_line", bytes),
            ("ns_per_byte", ns_per_op / bytes),
        ],
    }])
}

fn over_lines<'a>(look: impl Fn(&str) -> bool + 'a) -> Batch<'a> {
    Box::new(move |ops| {
        for line in LINES.iter().cycle().take(ops as usize) {
            black_box(look(black_box(line)));
        }
    })
}
