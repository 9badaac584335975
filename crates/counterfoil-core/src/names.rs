//! The table of our own telemetry names, and what it takes for an application to have one of its own.
//!
//! A name is written once, with [`instruments!`](crate::instruments): the OpenTelemetry name, the unit apart from it, the
//! labels, and the doc comment as description. Names in other worlds are derived ([`prometheus_name`]), never written by
//! hand, and the table can be [checked](Table::check) and [printed](Table::to_markdown). Design §8.

mod conventions;
mod instrument;
mod lint;
mod prometheus;

pub use conventions::{
    HTTP, HTTP_CLIENT_ACTIVE_REQUESTS, HTTP_CLIENT_REQUEST_DURATION, HTTP_SERVER_ACTIVE_REQUESTS,
    HTTP_SERVER_REQUEST_DURATION, MESSAGING, MESSAGING_CLIENT_CONSUMED_MESSAGES,
    MESSAGING_CLIENT_OPERATION_DURATION, MESSAGING_CLIENT_SENT_MESSAGES,
    MESSAGING_PROCESS_DURATION, REQUEST_SECONDS, RPC, RPC_CLIENT_CALL_DURATION,
    RPC_SERVER_CALL_DURATION,
};
pub use instrument::{
    BOUNDS_MAX, CounterDef, ExponentialHistogramDef, GaugeDef, HistogramDef, Instrument, Table,
    UpDownCounterDef,
};
pub use lint::Violation;
pub use prometheus::{prometheus_alias, prometheus_label, prometheus_name, prometheus_unit};

/// Upper bounds in seconds for what takes from a microsecond to ten seconds.
pub const LATENCY_SECONDS: &[f64] = &[
    0.000_001, 0.000_005, 0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5,
    1.0, 10.0,
];

crate::instruments! {
    /// Every instrument of Counterfoil's own.
    pub TABLE: prefix "counterfoil.", labels [
        "chain", "check", "counterfoil.version", "error.type", "exporter", "kind", "method", "metric", "op", "outcome", "reason", "resource_type",
        "service.name", "service.version", "signal", "status", "tenant", "witness",
    ];

    /// Leases that are held now.
    LEASE_ACTIVE: UpDownCounter("counterfoil.lease.active", "{lease}", ["resource_type"]);
    /// Leases that were granted.
    LEASE_ACQUIRED: Counter("counterfoil.lease.acquired", "{lease}", ["resource_type"]);
    /// Leases that were renewed in time.
    LEASE_RENEWED: Counter("counterfoil.lease.renewed", "{lease}", ["resource_type"]);
    /// Leases that their holder gave back.
    LEASE_RELEASED: Counter("counterfoil.lease.released", "{lease}", ["resource_type"]);
    /// Leases that ran out without a renewal.
    LEASE_EXPIRED: Counter("counterfoil.lease.expired", "{lease}", ["resource_type"]);
    /// Leases that were taken from their holder before their time.
    LEASE_PREEMPTED: Counter("counterfoil.lease.preempted", "{lease}", ["resource_type"]);

    /// How long reads, writes and submissions took, failed ones included.
    OPERATION_DURATION: Histogram("counterfoil.operation.duration", "s", ["op"], bounds: LATENCY_SECONDS, ceiling: 3600.0);
    /// Bytes moved by operations that succeeded.
    OPERATION_IO: Counter("counterfoil.operation.io", "By", ["op"]);
    /// Operations that failed.
    OPERATION_FAILED: Counter("counterfoil.operation.failed", "{operation}", ["op", "error.type"]);
    /// Connections to a node that were lost.
    CONNECTION_LOST: Counter("counterfoil.connection.lost", "{connection}", []);
    /// Connections to a node that came back.
    CONNECTION_RESTORED: Counter("counterfoil.connection.restored", "{connection}", []);
    /// Events of other domains that were recorded under a registered name.
    CUSTOM_RECORDED: Counter("counterfoil.custom.recorded", "{event}", []);

    /// Events that were offered to the ring.
    EVENT_OFFERED: Counter("counterfoil.event.offered", "{event}", []);
    /// Events that newer ones have overwritten in the ring.
    EVENT_OVERWRITTEN: Counter("counterfoil.event.overwritten", "{event}", []);
    /// Events that a drain came too late for, each drain counting for itself.
    EVENT_MISSED: Counter("counterfoil.event.missed", "{event}", []);
    /// Events of threads that found no ring of their own; more of them call for a larger pool.
    EVENT_SHARED: Counter("counterfoil.event.shared", "{event}", []);
    /// Events that the ring can hold before the oldest is overwritten.
    EVENT_RING_CAPACITY: UpDownCounter("counterfoil.event.ring.capacity", "{event}", []);

    /// Records that were offered to the audit log.
    AUDIT_RECORD_OFFERED: Counter("counterfoil.audit.record.offered", "{record}", []);
    /// Offered records that the audit log has stored.
    AUDIT_RECORD_STORED: Counter("counterfoil.audit.record.stored", "{record}", []);
    /// Offered records that were refused with an error.
    AUDIT_RECORD_REJECTED: Counter("counterfoil.audit.record.rejected", "{record}", []);
    /// Offered records that were dropped because a queue was full.
    AUDIT_RECORD_DROPPED: Counter("counterfoil.audit.record.dropped", "{record}", []);
    /// Records whose loss the log itself declares.
    AUDIT_RECORD_LOST: Counter("counterfoil.audit.record.lost", "{record}", []);
    /// Records that were sealed into the chain, the log's records about itself included.
    AUDIT_RECORD_SEALED: Counter("counterfoil.audit.record.sealed", "{record}", ["kind"]);
    /// Records that wait in the queues to the sealer.
    AUDIT_QUEUE_SIZE: UpDownCounter("counterfoil.audit.queue.size", "{record}", []);
    /// Sealed records that are not yet synced to disk.
    AUDIT_DURABLE_LAG: UpDownCounter("counterfoil.audit.durable.lag", "{record}", []);
    /// How long a sync of the audit log to disk took.
    AUDIT_SYNC_DURATION: Histogram("counterfoil.audit.sync.duration", "s", [], bounds: LATENCY_SECONDS, ceiling: 3600.0);
    /// Segments of the audit log that had to be replaced because writing or syncing them failed.
    AUDIT_SEGMENT_POISONED: Counter("counterfoil.audit.segment.poisoned", "{segment}", []);
    /// Time since the head of the chain was last anchored.
    AUDIT_ANCHOR_AGE: Gauge("counterfoil.audit.anchor.age", "s", []);
    /// Attempts to anchor a head that failed; the log's alarm says why.
    AUDIT_ANCHOR_FAILED: Counter("counterfoil.audit.anchor.failed", "{attempt}", []);
    /// Sealed records that no anchor covers yet.
    AUDIT_ANCHOR_LAG: UpDownCounter("counterfoil.audit.anchor.lag", "{record}", []);
    /// Hash tiles that were written beside the segments, partial ones included.
    AUDIT_TILE_WRITTEN: Counter("counterfoil.audit.tile.written", "{tile}", []);
    /// Times that a chain was found not to verify, by what was wrong with it: at the opening of a log of this process, and at each line that a
    /// collector refuses.
    AUDIT_CHAIN_VERIFICATION_FAILURES: Counter("counterfoil.audit.chain.verification.failures", "{failure}", ["chain", "reason"]);

    /// Durable records of the audit log that its collector does not have yet.
    AUDIT_SHIP_LAG: UpDownCounter("counterfoil.audit.ship.lag", "{record}", []);
    /// Age of the oldest of these.
    AUDIT_SHIP_AGE: Gauge("counterfoil.audit.ship.age", "s", []);
    /// The last record of the audit log that is durable at its collector.
    AUDIT_SHIP_ACKNOWLEDGED: UpDownCounter("counterfoil.audit.ship.acknowledged", "{record}", []);
    /// Whether shipping has stopped until somebody looks: 1 or 0.
    AUDIT_SHIP_HALTED: UpDownCounter("counterfoil.audit.ship.halted", "{shipper}", []);
    /// Records that retention removed before they were shipped.
    AUDIT_SHIP_MISSED: Counter("counterfoil.audit.ship.missed", "{record}", []);
    /// Attempts to ship that failed.
    AUDIT_SHIP_FAILED: Counter("counterfoil.audit.ship.failed", "{attempt}", ["reason"]);

    /// Heads that a witness was asked to cosign, by what came of it.
    WITNESS_SUBMISSION: Counter("counterfoil.witness.submission", "{head}", ["witness", "outcome"]);
    /// Size of the last head that a witness cosigned.
    WITNESS_COSIGNED_SIZE: UpDownCounter("counterfoil.witness.cosigned.size", "{record}", ["witness"]);
    /// Time since a witness last cosigned a head.
    WITNESS_COSIGNED_AGE: Gauge("counterfoil.witness.cosigned.age", "s", ["witness"]);
    /// Heads that enough witnesses cosigned.
    WITNESS_QUORUM_MET: Counter("counterfoil.witness.quorum.met", "{head}", []);
    /// Heads that too few witnesses cosigned.
    WITNESS_QUORUM_MISSED: Counter("counterfoil.witness.quorum.missed", "{head}", []);
    /// Heads that were anchored although too few witnesses cosigned, because the store may fail open.
    WITNESS_QUORUM_WAIVED: Counter("counterfoil.witness.quorum.waived", "{head}", []);
    /// Times that a witness showed another signed head that contradicts the one it was asked to cosign.
    WITNESS_SPLIT_VIEW: Counter("counterfoil.witness.split_view", "{sighting}", []);

    /// Items (series, spans, log records, events or sealed lines) that were given to an exporter.
    EXPORT_OFFERED: Counter("counterfoil.export.offered", "{item}", ["exporter", "signal"]);
    /// Items that an exporter has delivered.
    EXPORT_DELIVERED: Counter("counterfoil.export.delivered", "{item}", ["exporter", "signal"]);
    /// Items that an exporter could not deliver: refused by the destination, or given up after the last attempt.
    EXPORT_FAILED: Counter("counterfoil.export.failed", "{item}", ["exporter", "signal"]);
    /// Items that were dropped because the queue of an exporter was full.
    EXPORT_DROPPED: Counter("counterfoil.export.dropped", "{item}", ["exporter", "signal"]);
    /// Items that wait for an exporter or are under way.
    EXPORT_QUEUE_SIZE: UpDownCounter("counterfoil.export.queue.size", "{item}", ["exporter", "signal"]);
    /// Sealed lines that were to be exported and are no longer there to be read.
    EXPORT_SEALED_MISSED: Counter("counterfoil.export.sealed.missed", "{line}", []);

    /// Log lines that the output took.
    LOG_LINE_WRITTEN: Counter("counterfoil.log.line.written", "{line}", []);
    /// Log lines that the output did not take, or not whole.
    LOG_LINE_LOST: Counter("counterfoil.log.line.lost", "{line}", []);
    /// Log records that were made of what was logged.
    LOG_RECORD_OFFERED: Counter("counterfoil.log.record.offered", "{record}", []);
    /// Log records that found their queue full.
    LOG_RECORD_DROPPED: Counter("counterfoil.log.record.dropped", "{record}", []);
    /// Events that were logged within the handling of another and left out, so that it ends.
    LOG_NESTED: Counter("counterfoil.log.nested", "{event}", []);
    /// Marked events whose name is no kind; they are in the ring under the kind of their place in the code.
    LOG_MISNAMED: Counter("counterfoil.log.misnamed", "{event}", []);
    /// Spans that ended and were to be recorded.
    SPAN_OFFERED: Counter("counterfoil.span.offered", "{span}", []);
    /// Spans that found their queue full.
    SPAN_DROPPED: Counter("counterfoil.span.dropped", "{span}", []);
    /// Spans of traces that the tail sampler keeps.
    SPAN_TAIL_KEPT: Counter("counterfoil.span.tail.kept", "{span}", []);
    /// Spans of traces that the tail sampler does not keep.
    SPAN_TAIL_DROPPED: Counter("counterfoil.span.tail.dropped", "{span}", []);
    /// Spans that the tail sampler had no room for until their trace was decided.
    SPAN_TAIL_EVICTED: Counter("counterfoil.span.tail.evicted", "{span}", []);
    /// Spans that wait for the tail sampler's decision.
    SPAN_TAIL_HELD: UpDownCounter("counterfoil.span.tail.held", "{span}", []);

    /// Panics that the panic hook has seen, those included that somebody caught.
    PANIC_SEEN: Counter("counterfoil.panic.seen", "{panic}", []);
    /// Always 1; its labels say which service this is.
    BUILD_INFO: Gauge("counterfoil.build.info", "{build}", ["service.name", "service.version", "counterfoil.version"]);

    /// How the service stands: 1 for the status that it has, 0 for the others.
    HEALTH_STATUS: UpDownCounter("counterfoil.health.status", "{service}", ["status"]);
    /// Whether requests may be sent to the service: 1 while `/readyz` passes, else 0.
    HEALTH_READY: UpDownCounter("counterfoil.health.ready", "{service}", []);
    /// How a health check stands: 1 for the status that it has, 0 for the others.
    HEALTH_CHECK_STATUS: UpDownCounter("counterfoil.health.check.status", "{check}", ["check", "status"]);
    /// How long the last call of a health check took, up to its deadline.
    HEALTH_CHECK_DURATION: Gauge("counterfoil.health.check.duration", "s", ["check"]);
    /// How old the last result of a health check is.
    HEALTH_CHECK_AGE: Gauge("counterfoil.health.check.age", "s", ["check"]);
    /// Calls of a health check that found it unhealthy, time-outs and panics included.
    HEALTH_CHECK_FAILED: Counter("counterfoil.health.check.failed", "{call}", ["check"]);
    /// Calls of a health check that did not answer by its deadline.
    HEALTH_CHECK_TIMEOUT: Counter("counterfoil.health.check.timeout", "{call}", ["check"]);

    /// How long calls of a service's own methods took, by what came of them.
    CALL_DURATION: Histogram("counterfoil.call.duration", "s", ["method", "outcome"], bounds: LATENCY_SECONDS, ceiling: 3600.0);
    /// Calls of a service's own methods that have not ended yet.
    CALL_ACTIVE: UpDownCounter("counterfoil.call.active", "{call}", ["method"]);

    /// Records that a collector had not before and looked at: `stored + rejected + dropped`.
    COLLECTOR_RECORD_OFFERED: Counter("counterfoil.collector.record.offered", "{record}", ["tenant"]);
    /// Offered records that are verified and durable.
    COLLECTOR_RECORD_STORED: Counter("counterfoil.collector.record.stored", "{record}", ["tenant"]);
    /// Offered records that do not fit their chain.
    COLLECTOR_RECORD_REJECTED: Counter("counterfoil.collector.record.rejected", "{record}", ["tenant"]);
    /// Offered records that were not judged or not stored: behind a rejected one, without room, or beyond what could be taken.
    COLLECTOR_RECORD_DROPPED: Counter("counterfoil.collector.record.dropped", "{record}", ["tenant"]);
    /// Records that came again and were there already, with the same hash; not among the offered ones.
    COLLECTOR_RECORD_KNOWN: Counter("counterfoil.collector.record.known", "{record}", ["tenant"]);
    /// Requests that a collector refused; `unauthenticated` are failed attempts to get in.
    COLLECTOR_REQUEST_REFUSED: Counter("counterfoil.collector.request.refused", "{request}", ["reason"]);
    /// Bytes of records that a collector has taken and not yet answered for.
    COLLECTOR_INFLIGHT: UpDownCounter("counterfoil.collector.inflight", "By", []);
    /// Chains that are registered at a collector.
    COLLECTOR_CHAIN_REGISTERED: UpDownCounter("counterfoil.collector.chain.registered", "{chain}", ["tenant"]);
    /// Bytes of sealed records that a collector keeps.
    COLLECTOR_STORED_SIZE: UpDownCounter("counterfoil.collector.stored.size", "By", ["tenant"]);
    /// How long it took to make the records of a chain durable.
    COLLECTOR_SYNC_DURATION: Histogram("counterfoil.collector.sync.duration", "s", [], bounds: LATENCY_SECONDS, ceiling: 3600.0);
    /// Times that storage failed a collector, by whether it was full (`disk_full`) or not (`io`).
    COLLECTOR_STORAGE_FAILED: Counter("counterfoil.collector.storage.failed", "{failure}", ["error.type"]);
    /// Refused lines that made room for newer ones in their chain's quarantine.
    COLLECTOR_QUARANTINE_EVICTED: Counter("counterfoil.collector.quarantine.evicted", "{line}", []);
    /// Checkpoints that a collector cosigned as a witness.
    COLLECTOR_CHECKPOINT_COSIGNED: Counter("counterfoil.collector.checkpoint.cosigned", "{checkpoint}", []);
    /// Attempts of a collector to keep the head of a chain that failed.
    COLLECTOR_HEAD_FAILED: Counter("counterfoil.collector.head.failed", "{attempt}", []);

    /// Names of this process that its table had no room for.
    NAME_OVERFLOW: Counter("counterfoil.name.overflow", "{name}", []);

    /// Look-ups of a label set that were answered with the overflow series.
    METRIC_OVERFLOW: Counter("counterfoil.metric.overflow", "{lookup}", ["metric"]);
    /// Values above a histogram's ceiling; they are in its last bucket as well.
    METRIC_OVER_CEILING: Counter("counterfoil.metric.over_ceiling", "{value}", ["metric"]);
    /// Values that are no number and were left out of a histogram.
    METRIC_REFUSED: Counter("counterfoil.metric.refused", "{value}", ["metric"]);
    /// Registrations under a name that has another kind, unit or label keys; what they count is not exported.
    METRIC_CONFLICT: Counter("counterfoil.metric.conflict", "{registration}", ["metric"]);
    /// Callbacks for observed figures that panicked during a snapshot.
    METRIC_SOURCE_FAILED: Counter("counterfoil.metric.source.failed", "{failure}", []);
}

crate::instruments! {
    /// What is measured of the process, under the names of OpenTelemetry's conventions, which the rules for our own names do
    /// not bind.
    pub PROCESS: prefix "process.", labels [];

    /// Processor time that the process has used, in user mode and in the kernel.
    PROCESS_CPU_TIME: Counter("process.cpu.time", "s", []);
    /// Physical memory that the process uses.
    PROCESS_MEMORY_USAGE: UpDownCounter("process.memory.usage", "By", []);
    /// Memory that the process has reserved.
    PROCESS_MEMORY_VIRTUAL: UpDownCounter("process.memory.virtual", "By", []);
    /// File descriptors that the process has open.
    PROCESS_FILE_DESCRIPTOR_COUNT: UpDownCounter("process.unix.file_descriptor.count", "{file_descriptor}", []);
    /// The most file descriptors that the process may have open.
    PROCESS_FILE_DESCRIPTOR_LIMIT: UpDownCounter("process.unix.file_descriptor.limit", "{file_descriptor}", []);
    /// Threads of the process.
    PROCESS_THREAD_COUNT: UpDownCounter("process.thread.count", "{thread}", []);
    /// When the process started, since the Unix epoch.
    PROCESS_START_TIME: Gauge("process.start_time", "s", []);
}

crate::instruments! {
    /// What is measured of tokio's runtime.
    pub TOKIO: prefix "tokio.", labels [];

    /// Worker threads of the runtime.
    TOKIO_WORKER_LIMIT: UpDownCounter("tokio.runtime.worker.limit", "{thread}", []);
    /// Tasks that were spawned and have not ended.
    TOKIO_TASK_ALIVE: UpDownCounter("tokio.runtime.task.alive", "{task}", []);
    /// Tasks that wait in the queue that all workers share.
    TOKIO_GLOBAL_QUEUE_SIZE: UpDownCounter("tokio.runtime.global_queue.size", "{task}", []);
    /// Time that the workers were busy, all of them together.
    TOKIO_WORKER_BUSY_TIME: Counter("tokio.runtime.worker.busy_time", "s", []);
    /// Share of the time between the last two readings, at least a second apart, that the workers were busy.
    TOKIO_WORKER_UTILIZATION: Gauge("tokio.runtime.worker.utilization", "1", []);
}

/// Every table, for whoever prints or checks them all.
pub const TABLES: &[&Table] = &[&TABLE, &HTTP, &RPC, &MESSAGING, &PROCESS, &TOKIO];

/// Names that security tools rely on, beside the derived ones: the instrument, and the alias with `<label>` in it.
pub const PROMETHEUS_ALIASES: &[(Instrument, &str)] = &[(
    *AUDIT_RECORD_SEALED.instrument(),
    "counterfoil_audit_records_<kind>_total",
)];

/// Names that every Prometheus client library gives to what OpenTelemetry calls otherwise; they stand in the place of the
/// derived ones.
pub const PROMETHEUS_STANDARD: &[(Instrument, &str)] = &[
    (*PROCESS_CPU_TIME.instrument(), "process_cpu_seconds_total"),
    (
        *PROCESS_MEMORY_USAGE.instrument(),
        "process_resident_memory_bytes",
    ),
    (
        *PROCESS_MEMORY_VIRTUAL.instrument(),
        "process_virtual_memory_bytes",
    ),
    (
        *PROCESS_FILE_DESCRIPTOR_COUNT.instrument(),
        "process_open_fds",
    ),
    (
        *PROCESS_FILE_DESCRIPTOR_LIMIT.instrument(),
        "process_max_fds",
    ),
    (*PROCESS_THREAD_COUNT.instrument(), "process_threads"),
];

#[cfg(test)]
mod tests {
    use super::{HTTP, MESSAGING, RPC, TABLE, TOKIO};

    #[test]
    fn our_own_table_keeps_its_own_rules() {
        for table in [TABLE, HTTP, RPC, MESSAGING, TOKIO] {
            assert_eq!(table.check(), Vec::new());
        }
    }

    #[test]
    fn the_process_is_measured_under_the_names_that_prometheus_has_for_it() {
        let mut names: Vec<_> = super::PROCESS
            .instruments
            .iter()
            .map(super::Instrument::prometheus_name)
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "process_cpu_seconds_total",
                "process_max_fds",
                "process_open_fds",
                "process_resident_memory_bytes",
                "process_start_time_seconds",
                "process_threads",
                "process_virtual_memory_bytes",
            ]
        );
    }

    #[test]
    fn the_description_of_an_instrument_is_its_doc_comment() {
        assert_eq!(
            super::LEASE_ACTIVE.instrument().description,
            "Leases that are held now."
        );
    }
}
