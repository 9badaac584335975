//! What the processes of the platform measure beside what the layers do, by name.

use counterfoil::metrics::{Counter, Family, Gauge, Histogram, Registry};

/// Upper bounds around the objectives of authorization: p95 at most 20 ms, p99 at most 50 ms.
const AUTHORIZATION_SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0,
];
/// Upper bounds around the objectives of what happens behind a request: emitted within 1 s, credited within 5 s.
const BEHIND_SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

counterfoil::instruments! {
    /// What the platform measures. What the layers measure (`http.server.*`, `http.client.*`, `messaging.*`) is not repeated.
    pub TABLE: prefix "platform.", labels ["event.type", "outcome", "state"];

    /// How long it took to find out who asks and what the tenant lets them do.
    AUTHORIZATION_DURATION: Histogram("platform.authorization.duration", "s", ["outcome"], bounds: AUTHORIZATION_SECONDS, ceiling: 60.0);
    /// How long it took from the change of an allocation until its event was on the queue.
    CREATE_TO_EMITTED: Histogram("platform.create_to_emitted", "s", [], bounds: BEHIND_SECONDS, ceiling: 3600.0);
    /// How long it took from a verified signature until the ledger had the credit.
    WEBHOOK_TO_CREDIT: Histogram("platform.webhook_to_credit", "s", [], bounds: BEHIND_SECONDS, ceiling: 3600.0);
    /// Webhooks that came in, by what became of them.
    WEBHOOKS: Counter("platform.webhooks", "{webhook}", ["outcome"]);
    /// Allocations, by state.
    ALLOCATIONS: Gauge("platform.allocations", "{allocation}", ["state"]);
    /// Events in the outbox that are not on the queue yet.
    OUTBOX_DEPTH: Gauge("platform.outbox.depth", "{message}", []);
    /// Age of the oldest event in the outbox; 0 when it is empty.
    OUTBOX_AGE: Gauge("platform.outbox.age", "s", []);
    /// Messages on the queue, by state.
    QUEUE_DEPTH: Gauge("platform.queue.depth", "{message}", ["state"]);
    /// Age of the oldest message that is not processed yet; 0 when there is none.
    QUEUE_AGE: Gauge("platform.queue.age", "s", []);
    /// Incidents that nobody has closed.
    INCIDENTS_OPEN: Gauge("platform.incidents.open", "{incident}", []);

    /// Attempts at messages, by what became of them.
    TASKS: Counter("platform.tasks", "{attempt}", ["event.type", "outcome"]);
    /// Messages that were given up; each opens an incident.
    DEAD_LETTERS: Counter("platform.dead_letters", "{message}", ["event.type"]);
    /// How long messages waited on the queue until an attempt began.
    QUEUE_WAIT: Histogram("platform.queue.wait", "s", [], bounds: BEHIND_SECONDS, ceiling: 3600.0);
    /// How long a node took to provision or to release an allocation.
    PROVISION_DURATION: Histogram("platform.provision.duration", "s", ["outcome"], bounds: BEHIND_SECONDS, ceiling: 3600.0);
}

/// Outcomes of an authorization.
pub(crate) const AUTHORIZATION_OUTCOMES: [&str; 3] = ["allowed", "denied", "error"];
/// Outcomes of a webhook.
pub(crate) const WEBHOOK_OUTCOMES: [&str; 4] = ["credited", "duplicate", "rejected", "error"];
/// States of a message on the queue.
pub(crate) const QUEUE_STATES: [&str; 3] = ["ready", "in_flight", "dead"];
/// Outcomes of an attempt at a message.
pub(crate) const TASK_OUTCOMES: [&str; 4] = ["done", "skipped", "retried", "dead"];
/// Outcomes of a call to a node.
pub(crate) const PROVISION_OUTCOMES: [&str; 2] = ["ok", "error"];

/// The instruments of the API. Every series is there from the start, so that an increase from 0 is seen.
#[derive(Clone, Debug)]
pub(crate) struct ApiMetrics {
    pub(crate) authorization: Family<Histogram>,
    pub(crate) create_to_emitted: Histogram,
    pub(crate) webhook_to_credit: Histogram,
    pub(crate) webhooks: Family<Counter>,
    pub(crate) allocations: Family<Gauge>,
    pub(crate) outbox_depth: Gauge,
    pub(crate) outbox_age: Gauge,
    pub(crate) queue_depth: Family<Gauge>,
    pub(crate) queue_age: Gauge,
    pub(crate) incidents_open: Gauge,
}

impl ApiMetrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        let metrics = Self {
            authorization: registry.family(&AUTHORIZATION_DURATION),
            create_to_emitted: registry.instrument(&CREATE_TO_EMITTED),
            webhook_to_credit: registry.instrument(&WEBHOOK_TO_CREDIT),
            webhooks: registry.family(&WEBHOOKS),
            allocations: registry.family(&ALLOCATIONS),
            outbox_depth: registry.instrument(&OUTBOX_DEPTH),
            outbox_age: registry.instrument(&OUTBOX_AGE),
            queue_depth: registry.family(&QUEUE_DEPTH),
            queue_age: registry.instrument(&QUEUE_AGE),
            incidents_open: registry.instrument(&INCIDENTS_OPEN),
        };
        for outcome in AUTHORIZATION_OUTCOMES {
            metrics.authorization.with(&[outcome]);
        }
        for outcome in WEBHOOK_OUTCOMES {
            metrics.webhooks.with(&[outcome]);
        }
        for state in crate::AllocationState::ALL {
            metrics.allocations.with(&[state.as_str()]);
        }
        for state in QUEUE_STATES {
            metrics.queue_depth.with(&[state]);
        }
        metrics
    }
}

/// The instruments of the worker.
#[derive(Clone, Debug)]
pub(crate) struct WorkerMetrics {
    pub(crate) tasks: Family<Counter>,
    pub(crate) dead_letters: Family<Counter>,
    pub(crate) queue_wait: Histogram,
    pub(crate) provision: Family<Histogram>,
}

impl WorkerMetrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        let metrics = Self {
            tasks: registry.family(&TASKS),
            dead_letters: registry.family(&DEAD_LETTERS),
            queue_wait: registry.instrument(&QUEUE_WAIT),
            provision: registry.family(&PROVISION_DURATION),
        };
        for event_type in crate::EventType::ALL.map(crate::EventType::as_str) {
            for outcome in TASK_OUTCOMES {
                metrics.tasks.with(&[event_type, outcome]);
            }
            metrics.dead_letters.with(&[event_type]);
        }
        for outcome in PROVISION_OUTCOMES {
            metrics.provision.with(&[outcome]);
        }
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_keep_the_rules_of_the_library() {
        assert_eq!(TABLE.check(), []);
    }
}
