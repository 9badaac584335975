//! The view for programs.

use serde_json::{Value, json};

use crate::{Proof, Row, View, safe};

/// The view as a document of JSON. Lease ids are strings, because they go beyond 2^53.
#[must_use]
pub fn json(view: &View) -> String {
    let document = json!({
        "schema": "cookbook.tenant-dashboard",
        "version": 1,
        "tenant": view.tenant,
        "chain": view.chain,
        "time": view.now.to_string(),
        "line": view.line(),
        "verdict": view.verdict.as_str(),
        "completeness": view.completeness.map(|it| it.as_str()),
        "verified": view.verified.as_ref().map(|head| json!({
            "seq": head.seq,
            "hash": head.hash.to_string(),
            "root": head.root.map(|root| root.to_string()),
        })),
        "anchored_at": view.anchored_at.map(|at| at.to_string()),
        "signed_by": view.signed_by,
        "tail": view.tail,
        "records": view.own,
        "rows": view.rows.iter().map(row).collect::<Vec<_>>(),
    });
    safe::json(&format!("{document:#}\n"))
}

fn row(row: &Row) -> Value {
    let texts = row
        .texts
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.as_str().into()));
    let (state, size) = match &row.proof {
        Proof::Covered { size, .. } => ("covered", Some(*size)),
        Proof::NotYetAnchored => ("not_yet_anchored", None),
        Proof::NotVerified { .. } => ("not_verified", None),
    };
    json!({
        "seq": row.seq,
        "time": row.time.to_string(),
        "kind": row.kind,
        "outcome": row.outcome,
        "lease": row.lease.map(|lease| lease.to_string()),
        "keys": texts.collect::<serde_json::Map<_, _>>(),
        "data": row.data,
        "hash": row.hash,
        "proof": { "state": state, "size": size, "text": row.proof.to_string() },
    })
}
