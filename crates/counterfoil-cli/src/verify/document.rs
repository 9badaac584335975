//! The verdict as JSON.

use counterfoil::Head;
use counterfoil::audit::verify::{Cosigned, KeyReport, MissingRange, Report, StateUse};
use serde::Serialize;

use super::next;
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
    /// Numbers of the first and last record that were read.
    first_seq: Option<u64>,
    last_seq: Option<u64>,
    /// The head that was verified against.
    trusted: Option<HeadDocument>,
    trusted_from: Option<&'a str>,
    /// How long ago the record at the trusted head was sealed.
    trusted_age_seconds: Option<f64>,
    /// The head that the log ends with.
    end: Option<HeadDocument>,
    /// Records up to the trusted head that the log does not have.
    missing: u64,
    /// Ranges that are absent, and how many records they have together.
    missing_ranges: Vec<RangeDocument>,
    missing_records: u64,
    /// Records from 1 on that rest on the given state and were not read; `null` where all were.
    rests_on_state_to: Option<u64>,
    /// Why a given state was not gone on from.
    state_not_used: Option<&'a str>,
    keys: Vec<KeyDocument<'a>>,
    tail: TailDocument,
    completeness: Option<&'a str>,
    lanes: Vec<LaneDocument<'a>>,
    /// Erasable values, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    erasables: Option<ErasablesDocument>,
    /// The last record that retention has removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pruned: Option<u64>,
    hash_only: bool,
    signatures_verified: u64,
    signatures_not_checked: u64,
    signed_by: &'a [String],
    /// With a policy: who cosigned the trusted head.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cosigned_by: Vec<CosignedDocument<'a>>,
    rotations_followed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    findings: Vec<Finding<'a>>,
    findings_total: u64,
}

#[derive(Serialize)]
struct CosignedDocument<'a> {
    witness: &'a str,
    unix_seconds: u64,
}

#[derive(Serialize)]
struct HeadDocument {
    chain: String,
    seq: u64,
    hash: String,
    root: Option<String>,
}

#[derive(Serialize)]
struct RangeDocument {
    first: u64,
    last: u64,
    records: u64,
}

#[derive(Serialize)]
struct KeyDocument<'a> {
    key: &'a str,
    role: &'a str,
    given: bool,
    in_force: Option<bool>,
    signed_head: bool,
    signatures_verified: u64,
    signatures_not_checked: u64,
}

#[derive(Serialize)]
struct TailDocument {
    records: u64,
    /// How many of these come before the first that contradicts.
    consistent: u64,
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
    code: &'a str,
    reason: &'a str,
    /// The number that the record has or should have; none where the log as a whole is at fault.
    record: Option<u64>,
    file: Option<&'a str>,
    offset: Option<u64>,
    detail: &'a str,
    expected: Option<&'a str>,
    found: Option<&'a str>,
    cause: Option<&'a str>,
    /// A command that brings the reader closer to what happened.
    next: String,
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
        code: failure.reason.code(),
        reason: failure.reason.as_str(),
        record: failure.position,
        file: failure.file.as_deref(),
        offset: failure.offset,
        detail: &failure.detail,
        expected: failure.expected.as_deref(),
        found: failure.found.as_deref(),
        cause: failure.cause.map(|cause| cause.as_str()),
        next: next::command(failure, &report.log),
    });
    result::json(&Document {
        schema: "counterfoil.verify",
        version: 2,
        verdict: report.verdict.as_str(),
        exit_code: report.exit_code(),
        log: &report.log,
        records: report.records,
        bytes: report.bytes,
        first_seq: report.first_seq,
        last_seq: report.last_seq,
        trusted_from: report.head_from.map(|from| from.as_str()),
        trusted_age_seconds: report.head_age.map(|age| age.as_secs_f64()),
        missing_ranges: report.missing_ranges.iter().map(range).collect(),
        missing_records: report.missing_records,
        rests_on_state_to: match report.state_used {
            Some(StateUse::From { seq }) => Some(seq - 1),
            _ => None,
        },
        state_not_used: match report.state_used {
            Some(StateUse::ReadAll { why }) => Some(why),
            _ => None,
        },
        keys: report.keys.iter().map(key).collect(),
        trusted: report.trusted.as_ref().map(head),
        end: report.end.as_ref().map(head),
        missing: report.missing,
        tail: TailDocument {
            records: report.tail.records,
            consistent: report.tail.consistent,
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
        pruned: report.pruned,
        hash_only: report.hash_only,
        signatures_verified: report.signatures_verified,
        signatures_not_checked: report.signatures_not_checked,
        signed_by: &report.signed_by,
        cosigned_by: report.cosigned_by.iter().map(cosigned).collect(),
        rotations_followed: report.rotations_followed,
        epoch: report.epoch,
        findings: findings.collect(),
        findings_total: report.failures_total,
    })
}

const fn range(range: &MissingRange) -> RangeDocument {
    RangeDocument {
        first: range.first,
        last: range.last,
        records: range.last - range.first + 1,
    }
}

fn key(key: &KeyReport) -> KeyDocument<'_> {
    KeyDocument {
        key: &key.key,
        role: key.role.as_str(),
        given: key.given,
        in_force: key.in_force,
        signed_head: key.signed_head,
        signatures_verified: key.signatures_verified,
        signatures_not_checked: key.signatures_not_checked,
    }
}

fn head(head: &Head) -> HeadDocument {
    HeadDocument {
        chain: head.chain.to_string(),
        seq: head.seq,
        hash: head.hash.to_string(),
        root: head.root.map(|root| root.to_string()),
    }
}

fn cosigned(by: &Cosigned) -> CosignedDocument<'_> {
    CosignedDocument {
        witness: &by.witness,
        unix_seconds: by.unix_seconds,
    }
}
