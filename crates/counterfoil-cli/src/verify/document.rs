//! The verdict as JSON.

use counterfoil::Head;
use counterfoil::audit::verify::Report;
use serde::Serialize;

use crate::failure::Failure;
use crate::result;

/// The document `counterfoil.verify`.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u32,
    verdict: &'a str,
    exit_code: u8,
    log: &'a str,
    records: u64,
    bytes: u64,
    /// The head that was verified against.
    trusted: Option<HeadDocument>,
    /// The head that the log ends with.
    end: Option<HeadDocument>,
    /// Records up to the trusted head that the log does not have.
    missing: u64,
    tail: TailDocument,
    completeness: Option<&'a str>,
    lanes: Vec<LaneDocument<'a>>,
    /// Erasable values, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    erasables: Option<ErasablesDocument>,
    hash_only: bool,
    signatures_verified: u64,
    signatures_not_checked: u64,
    signed_by: &'a [String],
    rotations_followed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    findings: Vec<Finding<'a>>,
    findings_total: u64,
}

#[derive(Serialize)]
struct HeadDocument {
    chain: String,
    seq: u64,
    hash: String,
    root: Option<String>,
}

#[derive(Serialize)]
struct TailDocument {
    records: u64,
    age_seconds: Option<f64>,
    unfinished_bytes: u64,
}

#[derive(Serialize)]
struct ErasablesDocument {
    commitments: u64,
    openings_present: bool,
    opened: u64,
    erased: u64,
    missing: u64,
}

#[derive(Serialize)]
struct LaneDocument<'a> {
    src: String,
    last_n: u64,
    declared_lost: u64,
    missing: u64,
    completeness: &'a str,
}

#[derive(Serialize)]
struct Finding<'a> {
    reason: &'a str,
    /// The number that the record has or should have; none where the log as a whole is at fault.
    record: Option<u64>,
    file: Option<&'a str>,
    offset: Option<u64>,
    detail: &'a str,
}

/// The report as one JSON document with a line feed.
pub(super) fn of(report: &Report) -> Result<String, Failure> {
    let lanes = report.lanes.iter().map(|lane| LaneDocument {
        src: lane.src.to_string(),
        last_n: lane.last_n,
        declared_lost: lane.declared_lost,
        missing: lane.missing,
        completeness: lane.completeness.as_str(),
    });
    let findings = report.failures.iter().map(|failure| Finding {
        reason: failure.reason.as_str(),
        record: failure.position,
        file: failure.file.as_deref(),
        offset: failure.offset,
        detail: &failure.detail,
    });
    result::json(&Document {
        schema: "counterfoil.verify",
        version: 1,
        verdict: report.verdict.as_str(),
        exit_code: report.exit_code(),
        log: &report.log,
        records: report.records,
        bytes: report.bytes,
        trusted: report.trusted.as_ref().map(head),
        end: report.end.as_ref().map(head),
        missing: report.missing,
        tail: TailDocument {
            records: report.tail.records,
            age_seconds: report.tail.age.map(|age| age.as_secs_f64()),
            unfinished_bytes: report.tail.unfinished_bytes,
        },
        completeness: report
            .completeness
            .map(|completeness| completeness.as_str()),
        lanes: lanes.collect(),
        erasables: report.erasables.map(|found| ErasablesDocument {
            commitments: found.commitments,
            openings_present: found.openings_present,
            opened: found.opened,
            erased: found.erased,
            missing: found.missing,
        }),
        hash_only: report.hash_only,
        signatures_verified: report.signatures_verified,
        signatures_not_checked: report.signatures_not_checked,
        signed_by: &report.signed_by,
        rotations_followed: report.rotations_followed,
        epoch: report.epoch,
        findings: findings.collect(),
        findings_total: report.failures_total,
    })
}

fn head(head: &Head) -> HeadDocument {
    HeadDocument {
        chain: head.chain.to_string(),
        seq: head.seq,
        hash: head.hash.to_string(),
        root: head.root.map(|root| root.to_string()),
    }
}
