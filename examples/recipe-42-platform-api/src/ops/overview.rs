//! The document: five sections, each of which says for itself how far it is to be believed.

use std::time::Duration;

use counterfoil::Timestamp;
use counterfoil::health::{Report, Status};
use counterfoil::tower::ErrorCode;
use serde::Serialize;

use super::WINDOW;
use super::facts::{Facts, Incidents};
use super::traffic::Seen;
use crate::store::backlog::Waiting;

/// A message that waits longer than this is late: somebody should look.
const LATE_SECONDS: f64 = 5.0;
/// A message that waits longer than this waits for nobody.
const STUCK_SECONDS: f64 = 60.0;
/// A worker that was not heard of for longer than this is gone.
const WORKER_GONE: Duration = Duration::from_secs(30);

/// How the platform does.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    generated_at: String,
    window: Window,
    health: Section<Roll>,
    queues: Section<Queues>,
    throughput: Section<Throughput>,
    errors: Section<Errors>,
    incidents: Section<Recent>,
}

/// What the rates and counts are about.
#[derive(Debug, Serialize)]
struct Window {
    seconds: u64,
    /// How much of it there are figures of requests for: less after a start.
    covered_seconds: f64,
}

/// A section, and whether there is something in it.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Section<T> {
    /// All of it.
    Ok(T),
    /// Nothing happened.
    NoData(T),
    /// Less than was asked for.
    Partial(Reasoned<T>),
    /// It could not be had.
    Error {
        reason: &'static str,
        error_code: &'static str,
    },
}

#[derive(Debug, Serialize)]
struct Reasoned<T> {
    reason: String,
    #[serde(flatten)]
    data: T,
}

#[derive(Debug, Serialize)]
struct Roll {
    status: &'static str,
    components: Vec<Component>,
}

#[derive(Debug, Serialize)]
struct Component {
    name: String,
    status: &'static str,
}

#[derive(Debug, Serialize)]
struct Queues {
    outbox: Outbox,
    node_tasks: NodeTasks,
}

#[derive(Debug, Serialize)]
struct Outbox {
    waiting: u64,
    oldest_seconds: f64,
}

#[derive(Debug, Serialize)]
struct NodeTasks {
    waiting: u64,
    oldest_seconds: f64,
    in_flight: u64,
    dead: u64,
}

#[derive(Debug, Serialize)]
struct Throughput {
    requests: u64,
    requests_per_second: Option<f64>,
    allocations: Allocations,
}

#[derive(Debug, Serialize)]
struct Allocations {
    requested: u64,
    active: u64,
    released: u64,
}

#[derive(Debug, Serialize)]
struct Errors {
    failed: u64,
    failed_ratio: Option<f64>,
    refused: u64,
    allocations_failed: u64,
    latency_p95_seconds: Option<f64>,
    latency_p99_seconds: Option<f64>,
    by_code: Vec<ByCode>,
}

#[derive(Debug, Serialize)]
struct ByCode {
    error_code: &'static str,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Recent {
    open: u64,
    recent: Vec<Group>,
}

#[derive(Debug, Serialize)]
struct Group {
    kind: String,
    error_code: &'static str,
    count: u64,
    open: u64,
    last_opened_at: String,
    last_trace_id: Option<String>,
}

impl Overview {
    /// Makes it of what is known.
    pub(super) fn of(
        now: Timestamp,
        report: &Report,
        seen: &Seen,
        facts: Result<Facts, ErrorCode>,
    ) -> Self {
        let facts = facts.as_ref().map_err(|code| *code);
        Self {
            generated_at: now.to_string(),
            window: Window {
                seconds: WINDOW.as_secs(),
                covered_seconds: seen.covered.as_secs_f64(),
            },
            health: health(report, facts),
            queues: of_facts(facts, |facts| Section::Ok(queues(facts))),
            throughput: of_facts(facts, |facts| throughput(seen, facts)),
            errors: of_facts(facts, |facts| errors(seen, facts)),
            incidents: of_facts(facts, incidents),
        }
    }
}

fn of_facts<T>(
    facts: Result<&Facts, ErrorCode>,
    section: impl Fn(&Facts) -> Section<T>,
) -> Section<T> {
    match facts {
        Ok(facts) => section(facts),
        Err(code) => Section::Error {
            reason: code.description(),
            error_code: code.as_str(),
        },
    }
}

/// The checks of this process, and what the queues tell about those who should empty them. Why a check fails is not said here:
/// that may be a raw error, and the health pages have it.
fn health(report: &Report, facts: Result<&Facts, ErrorCode>) -> Section<Roll> {
    let mut states: Vec<(&str, Status)> = report
        .checks
        .iter()
        .map(|check| (&*check.name, check.effect()))
        .collect();
    match facts {
        Ok(facts) => {
            states.push(("outbox", punctuality(facts.backlog.outbox)));
            let given_up = match facts.backlog.dead {
                0 => Status::Healthy,
                _ => Status::Degraded,
            };
            let node_tasks = punctuality(facts.backlog.queue).max(given_up);
            states.push(("node_tasks", node_tasks));
            // Nobody is kept waiting yet: when somebody is, the queue says so.
            let at_work = facts.worker_silent.is_some_and(|it| it <= WORKER_GONE);
            let worker = if at_work {
                Status::Healthy
            } else {
                Status::Degraded
            };
            states.push(("worker", worker));
        }
        Err(_) => states.push(("database", Status::Unhealthy)),
    }
    let worst = states.iter().map(|(_, status)| *status).max();
    let components = states.into_iter().map(|(name, status)| Component {
        name: name.to_owned(),
        status: status.as_str(),
    });
    let roll = Roll {
        status: worst.unwrap_or_default().as_str(),
        components: components.collect(),
    };
    match facts {
        Ok(_) => Section::Ok(roll),
        Err(code) => Section::Partial(Reasoned {
            reason: format!("without the queues: {}", code.description()),
            data: roll,
        }),
    }
}

fn punctuality(waiting: Waiting) -> Status {
    let age = waiting.age.as_secs_f64();
    if age > STUCK_SECONDS {
        Status::Unhealthy
    } else if age > LATE_SECONDS {
        Status::Degraded
    } else {
        Status::Healthy
    }
}

fn queues(facts: &Facts) -> Queues {
    let backlog = &facts.backlog;
    Queues {
        outbox: Outbox {
            waiting: backlog.outbox.messages,
            oldest_seconds: backlog.outbox.age.as_secs_f64(),
        },
        node_tasks: NodeTasks {
            waiting: backlog.queue.messages,
            oldest_seconds: backlog.queue.age.as_secs_f64(),
            in_flight: backlog.in_flight,
            dead: backlog.dead,
        },
    }
}

fn throughput(seen: &Seen, facts: &Facts) -> Section<Throughput> {
    let requests = seen.counts.latency.count();
    let covered = seen.covered.as_secs_f64();
    let nothing = requests + facts.requested + facts.active + facts.released == 0;
    let data = Throughput {
        requests,
        requests_per_second: (covered > 0.0).then(|| requests as f64 / covered),
        allocations: Allocations {
            requested: facts.requested,
            active: facts.active,
            released: facts.released,
        },
    };
    covering(seen, nothing, data)
}

fn errors(seen: &Seen, facts: &Facts) -> Section<Errors> {
    let counts = &seen.counts;
    let requests = counts.latency.count();
    let finite = |quantile| {
        counts
            .latency
            .quantile_bound(quantile)
            .filter(|it| it.is_finite())
    };
    let mut by_code = counts.by_code.clone();
    for (code, count) in &facts.failed_by_code {
        *by_code.entry(code).or_default() += count;
    }
    let data = Errors {
        failed: counts.failed,
        failed_ratio: (requests > 0).then(|| counts.failed as f64 / requests as f64),
        refused: counts.refused,
        allocations_failed: facts.failed,
        latency_p95_seconds: finite(0.95),
        latency_p99_seconds: finite(0.99),
        by_code: by_code
            .into_iter()
            .map(|(error_code, count)| ByCode { error_code, count })
            .collect(),
    };
    covering(seen, requests + facts.failed == 0, data)
}

/// A section about the window, which is shorter than it should be after a start.
fn covering<T>(seen: &Seen, nothing: bool, data: T) -> Section<T> {
    if nothing {
        Section::NoData(data)
    } else if seen.covered + super::INTERVAL * 2 < WINDOW {
        let covered = seen.covered.as_secs();
        Section::Partial(Reasoned {
            reason: format!("requests of the last {covered} s only: the API started then"),
            data,
        })
    } else {
        Section::Ok(data)
    }
}

fn incidents(facts: &Facts) -> Section<Recent> {
    let data = Recent {
        open: facts.backlog.incidents,
        recent: facts.incidents.iter().map(group).collect(),
    };
    if data.recent.is_empty() && data.open == 0 {
        Section::NoData(data)
    } else {
        Section::Ok(data)
    }
}

fn group(incidents: &Incidents) -> Group {
    Group {
        kind: incidents.kind.clone(),
        error_code: incidents.error_code,
        count: incidents.count,
        open: incidents.open,
        last_opened_at: incidents.last_opened_at.to_string(),
        last_trace_id: incidents.last_trace_id.map(|it| it.to_string()),
    }
}

#[cfg(test)]
mod tests;
