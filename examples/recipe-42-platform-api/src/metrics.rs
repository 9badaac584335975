//! What the processes of the platform measure beside what the layers do, by name.

use counterfoil::metrics::{By, Counter, Gauge, Histogram, Registry};

use crate::{AllocationState, EventType};

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
    pub TABLE: prefix "platform.", labels ["event.type", "kind", "outcome", "state"];

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
    /// What nobody came back for and was removed: rows that are kept for 30 days, and what ended allocations left on nodes.
    REMOVED: Counter("platform.housekeeping.removed", "{item}", ["kind"]);
}

counterfoil::metrics::label_values! {
    /// What came of an authorization.
    pub(crate) enum Authorized {
        /// A key that is known.
        Allowed = "allowed",
        /// None, or one that nobody knows.
        Denied = "denied",
        /// It could not be found out.
        Error = "error",
    }
}

counterfoil::metrics::label_values! {
    /// What became of a webhook.
    pub(crate) enum WebhookOutcome {
        /// The ledger has the credit.
        Credited = "credited",
        /// It came before.
        Duplicate = "duplicate",
        /// It is about nothing that this platform follows.
        Ignored = "ignored",
        /// It is wrong.
        Rejected = "rejected",
        /// It could not be credited; the provider will send it again.
        Error = "error",
    }
}

counterfoil::metrics::label_values! {
    /// Where a message on the queue is.
    pub(crate) enum QueueState {
        /// It waits.
        Ready = "ready",
        /// Somebody is at it.
        InFlight = "in_flight",
        /// It was given up.
        Dead = "dead",
    }
}

counterfoil::metrics::label_values! {
    /// What became of an attempt at a message.
    pub(crate) enum TaskOutcome {
        /// What it asks for.
        Done = "done",
        /// Nothing was left to do.
        Skipped = "skipped",
        /// It failed, and is tried again.
        Retried = "retried",
        /// It failed for the last time.
        Dead = "dead",
    }
}

counterfoil::metrics::label_values! {
    /// What came of a call to a node.
    pub(crate) enum NodeOutcome {
        /// It did it.
        Ok = "ok",
        /// It did not.
        Error = "error",
    }
}

counterfoil::metrics::label_values! {
    /// What housekeeping removes.
    pub(crate) enum Removed {
        /// A message that was given up.
        DeadLetter = "dead_letter",
        /// An incident.
        Incident = "incident",
        /// What an allocation that is at its end left on a node.
        Volume = "volume",
    }
}

/// The instruments of the API. Every series is there from the start, so that an increase from 0 is seen.
#[derive(Clone, Debug)]
pub(crate) struct ApiMetrics {
    pub(crate) authorization: By<Authorized, Histogram>,
    pub(crate) create_to_emitted: Histogram,
    pub(crate) webhook_to_credit: Histogram,
    pub(crate) webhooks: By<WebhookOutcome, Counter>,
    pub(crate) allocations: By<AllocationState, Gauge>,
    pub(crate) outbox_depth: Gauge,
    pub(crate) outbox_age: Gauge,
    pub(crate) queue_depth: By<QueueState, Gauge>,
    pub(crate) queue_age: Gauge,
    pub(crate) incidents_open: Gauge,
}

impl ApiMetrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            authorization: registry.by(&AUTHORIZATION_DURATION),
            create_to_emitted: registry.instrument(&CREATE_TO_EMITTED),
            webhook_to_credit: registry.instrument(&WEBHOOK_TO_CREDIT),
            webhooks: registry.by(&WEBHOOKS),
            allocations: registry.by(&ALLOCATIONS),
            outbox_depth: registry.instrument(&OUTBOX_DEPTH),
            outbox_age: registry.instrument(&OUTBOX_AGE),
            queue_depth: registry.by(&QUEUE_DEPTH),
            queue_age: registry.instrument(&QUEUE_AGE),
            incidents_open: registry.instrument(&INCIDENTS_OPEN),
        }
    }
}

/// The instruments of the worker.
#[derive(Clone, Debug)]
pub(crate) struct WorkerMetrics {
    pub(crate) tasks: By<(EventType, TaskOutcome), Counter>,
    pub(crate) dead_letters: By<EventType, Counter>,
    pub(crate) queue_wait: Histogram,
    pub(crate) provision: By<NodeOutcome, Histogram>,
    pub(crate) removed: By<Removed, Counter>,
}

impl WorkerMetrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            tasks: registry.by(&TASKS),
            dead_letters: registry.by(&DEAD_LETTERS),
            queue_wait: registry.instrument(&QUEUE_WAIT),
            provision: registry.by(&PROVISION_DURATION),
            removed: registry.by(&REMOVED),
        }
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
