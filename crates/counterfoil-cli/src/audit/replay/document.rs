//! The answer as JSON.

use counterfoil::audit::Text;
use counterfoil_query::replay::{
    Contradiction, Ground, Held, HeldLease, History, HistoryStep, Place, Uncertainty,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::result;

const SCHEMA: &str = "counterfoil.audit.replay";
const VERSION: u32 = 1;

/// The document `counterfoil.audit.replay` about one lease.
#[derive(Serialize)]
struct HistoryDocument {
    schema: &'static str,
    version: u32,
    question: Value,
    ground: GroundDocument,
    /// How the lease stands at the end of the log, and how far that is vouched for.
    state: &'static str,
    standing: &'static str,
    steps: Vec<StepDocument>,
    steps_left_out: u64,
    contradictions: Vec<ContradictionDocument>,
    contradictions_left_out: u64,
    uncertainties: Vec<UncertaintyDocument>,
}

/// The document `counterfoil.audit.replay` about a moment.
#[derive(Serialize)]
struct HeldDocument {
    schema: &'static str,
    version: u32,
    question: Value,
    ground: GroundDocument,
    /// The last record up to the moment, and how far the set as a whole is vouched for.
    as_of: Option<u64>,
    standing: &'static str,
    leases: Vec<LeaseDocument>,
    contradictions: Vec<ContradictionDocument>,
    contradictions_left_out: u64,
    uncertainties: Vec<UncertaintyDocument>,
}

/// What the answer stands on: the verification.
#[derive(Serialize)]
struct GroundDocument {
    log: String,
    verdict: &'static str,
    exit_code: u8,
    /// The trusted head.
    anchored_to: Option<HeadDocument>,
    end: Option<HeadDocument>,
    completeness: Option<&'static str>,
    findings: Vec<String>,
    findings_total: u64,
}

#[derive(Serialize)]
struct HeadDocument {
    chain: String,
    seq: u64,
    hash: String,
}

#[derive(Serialize)]
struct PlaceDocument {
    seq: u64,
    time: String,
}

#[derive(Serialize)]
struct StepDocument {
    seq: u64,
    time: String,
    sealed: String,
    kind: String,
    outcome: &'static str,
    /// How the lease stands after it.
    state: &'static str,
    standing: &'static str,
    node: Option<Value>,
    tenant: Option<Value>,
    resource: Option<&'static str>,
    /// As text: beyond 2^53 a JSON number is no integer.
    bytes: Option<String>,
    ttl_ms: Option<String>,
    by_lease: Option<String>,
    reason: Option<Value>,
}

#[derive(Serialize)]
struct LeaseDocument {
    lease: String,
    certain: bool,
    /// Why it may not have been held.
    doubts: Vec<&'static str>,
    standing: &'static str,
    since: Option<PlaceDocument>,
    last: Option<PlaceDocument>,
    next: Option<NextDocument>,
    deadline: Option<String>,
    node: Option<Value>,
    tenant: Option<Value>,
    resource: Option<&'static str>,
    bytes: Option<String>,
}

#[derive(Serialize)]
struct NextDocument {
    change: &'static str,
    seq: u64,
    time: String,
}

#[derive(Serialize)]
struct ContradictionDocument {
    lease: String,
    conflict: &'static str,
    detail: String,
    record: PlaceDocument,
    against: Option<PlaceDocument>,
    may_be_explained: bool,
}

#[derive(Serialize)]
struct UncertaintyDocument {
    cause: &'static str,
    detail: String,
    from: Option<String>,
    to: Option<String>,
}

pub(super) fn history(history: &History) -> Result<String, Failure> {
    result::json(&HistoryDocument {
        schema: SCHEMA,
        version: VERSION,
        question: json!({"lease": history.lease.to_string()}),
        ground: ground(&history.ground),
        state: history.state.as_str(),
        standing: history.standing.as_str(),
        steps: history.steps.iter().map(step).collect(),
        steps_left_out: history.steps_left_out,
        contradictions: history.contradictions.iter().map(contradiction).collect(),
        contradictions_left_out: history.contradictions_left_out,
        uncertainties: history.uncertainties.iter().map(uncertainty).collect(),
    })
}

pub(super) fn held(held: &Held) -> Result<String, Failure> {
    result::json(&HeldDocument {
        schema: SCHEMA,
        version: VERSION,
        question: json!({"held_at": held.at.to_string()}),
        ground: ground(&held.ground),
        as_of: held.as_of,
        standing: held.standing.as_str(),
        leases: held.leases.iter().map(lease).collect(),
        contradictions: held.contradictions.iter().map(contradiction).collect(),
        contradictions_left_out: held.contradictions_left_out,
        uncertainties: held.uncertainties.iter().map(uncertainty).collect(),
    })
}

fn ground(ground: &Ground) -> GroundDocument {
    let report = &ground.report;
    let head = |head: &counterfoil::Head| HeadDocument {
        chain: head.chain.to_string(),
        seq: head.seq,
        hash: head.hash.to_string(),
    };
    GroundDocument {
        log: report.log.clone(),
        verdict: report.verdict.as_str(),
        exit_code: report.exit_code(),
        anchored_to: report.trusted.as_ref().map(head),
        end: report.end.as_ref().map(head),
        completeness: report.completeness.map(|it| it.as_str()),
        findings: report
            .failures
            .iter()
            .map(|failure| format!("{} {failure}", failure.reason.code()))
            .collect(),
        findings_total: report.failures_total,
    }
}

fn step(it: &HistoryStep) -> StepDocument {
    let step = &it.step;
    StepDocument {
        seq: step.place.seq,
        time: step.place.time.to_string(),
        sealed: step.sealed.to_string(),
        kind: step.kind.to_string(),
        outcome: step.outcome.as_str(),
        state: it.state.as_str(),
        standing: it.standing.as_str(),
        node: step.node.as_ref().map(text),
        tenant: step.tenant.as_ref().map(text),
        resource: step.resource.map(|it| it.as_str()),
        bytes: step.bytes.map(|it| it.to_string()),
        ttl_ms: step.ttl_ms.map(|it| it.to_string()),
        by_lease: step.by_lease.map(|it| it.to_string()),
        reason: step.reason.as_ref().map(text),
    }
}

fn lease(it: &HeldLease) -> LeaseDocument {
    LeaseDocument {
        lease: it.lease.to_string(),
        certain: it.is_certain(),
        doubts: it.doubts.iter().map(|why| why.code()).collect(),
        standing: it.standing.as_str(),
        since: it.since.map(place),
        last: it.last.map(place),
        next: it.next.map(|(change, place)| NextDocument {
            change: change.as_str(),
            seq: place.seq,
            time: place.time.to_string(),
        }),
        deadline: it.deadline.map(|it| it.to_string()),
        node: it.node.as_ref().map(text),
        tenant: it.tenant.as_ref().map(text),
        resource: it.resource.map(|it| it.as_str()),
        bytes: it.bytes.map(|it| it.to_string()),
    }
}

fn contradiction(it: &Contradiction) -> ContradictionDocument {
    ContradictionDocument {
        lease: it.lease.to_string(),
        conflict: it.conflict.code(),
        detail: it.conflict.words(),
        record: place(it.place),
        against: it.against.map(place),
        may_be_explained: it.may_be_explained,
    }
}

fn uncertainty(it: &Uncertainty) -> UncertaintyDocument {
    UncertaintyDocument {
        cause: it.cause.code(),
        detail: it.cause.words(),
        from: it.from.map(|it| it.to_string()),
        to: it.to.map(|it| it.to_string()),
    }
}

fn place(place: Place) -> PlaceDocument {
    PlaceDocument {
        seq: place.seq,
        time: place.time.to_string(),
    }
}

/// A text, or what stands in for it, in the form that records have it in.
fn text(text: &Text) -> Value {
    match text {
        Text::Plain(text) => Value::from(text.as_str()),
        Text::Truncated(it) => json!({"$truncated": {
            "bytes": it.bytes.to_string(), "sha256": it.sha256.to_string()
        }}),
        Text::Erasable(digest) => json!({"$erasable": digest.to_string()}),
        // No record that was read holds one.
        Text::Forgettable(_) => Value::from(counterfoil::REDACTED),
    }
}
