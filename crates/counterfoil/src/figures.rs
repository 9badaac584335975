//! The figures of ring and audit log as metrics, read when a snapshot is taken.

use counterfoil_core::{Name, names};
use counterfoil_metrics::{Observed, Registry};

/// The figures of the process that all observers share.
pub(crate) fn of_process(registry: &Registry) -> Observed {
    registry.observe(|out| out.counter(&names::NAME_OVERFLOW, &[], Name::overflowed()))
}

/// The ring's own figures.
#[cfg(feature = "events")]
pub(crate) fn of_events(
    registry: &Registry,
    events: &counterfoil_events::EventRingBuffer,
) -> Observed {
    let events = events.clone();
    registry.observe(move |out| {
        out.counter(&names::EVENT_OFFERED, &[], events.offered());
        out.counter(&names::EVENT_OVERWRITTEN, &[], events.overwritten());
        out.counter(&names::EVENT_MISSED, &[], events.missed());
        out.counter(&names::EVENT_SHARED, &[], events.shared());
        out.up_down_counter(
            &names::EVENT_RING_CAPACITY,
            &[],
            signed(events.capacity() as u64),
        );
    })
}

/// What became of log lines, log records and spans.
#[cfg(feature = "tracing")]
pub(crate) fn of_pipeline(registry: &Registry, pipeline: crate::trace::Pipeline) -> Observed {
    registry.observe(move |out| {
        let now = pipeline.counts();
        out.counter(&names::LOG_LINE_WRITTEN, &[], now.lines.written);
        out.counter(&names::LOG_LINE_LOST, &[], now.lines.lost);
        out.counter(&names::LOG_RECORD_OFFERED, &[], now.records.offered);
        out.counter(&names::LOG_RECORD_DROPPED, &[], now.records.dropped);
        out.counter(&names::LOG_NESTED, &[], now.nested);
        out.counter(&names::LOG_MISNAMED, &[], now.misnamed);
        out.counter(&names::SPAN_OFFERED, &[], now.spans.offered);
        out.counter(&names::SPAN_DROPPED, &[], now.spans.dropped);
        out.counter(&names::SPAN_TAIL_KEPT, &[], now.tail.kept);
        out.counter(&names::SPAN_TAIL_DROPPED, &[], now.tail.dropped);
        out.counter(&names::SPAN_TAIL_EVICTED, &[], now.tail.evicted);
        out.up_down_counter(&names::SPAN_TAIL_HELD, &[], signed(now.tail.held));
    })
}

/// The audit log's own figures.
#[cfg(feature = "audit")]
pub(crate) fn of_audit(registry: &Registry, log: &counterfoil_audit::AuditLog) -> Observed {
    let figures = log.figures_reader();
    let found_broken = log.opened().restarted.clone();
    registry.observe(move |out| {
        let now = figures.read();
        out.counter(&names::AUDIT_RECORD_OFFERED, &[], now.offered);
        out.counter(&names::AUDIT_RECORD_STORED, &[], now.stored);
        out.counter(&names::AUDIT_RECORD_REJECTED, &[], now.rejected);
        out.counter(&names::AUDIT_RECORD_DROPPED, &[], now.dropped);
        out.counter(&names::AUDIT_RECORD_LOST, &[], now.declared_lost);
        out.up_down_counter(&names::AUDIT_QUEUE_SIZE, &[], signed(now.queued));
        out.up_down_counter(&names::AUDIT_DURABLE_LAG, &[], signed(now.unsynced_records));
        out.counter(&names::AUDIT_SEGMENT_POISONED, &[], now.poisoned_segments);
        out.up_down_counter(&names::AUDIT_ANCHOR_LAG, &[], signed(now.unanchored()));
        out.counter(&names::AUDIT_ANCHOR_FAILED, &[], now.anchor_failures);
        out.counter(&names::AUDIT_TILE_WRITTEN, &[], now.tiles_written);
        let (syncs, time) = (&now.syncs_by_latency, now.sync_time.as_secs_f64());
        out.histogram(&names::AUDIT_SYNC_DURATION, &[], syncs, time);
        if let Some(broken) = &found_broken {
            let labels = [broken.old_id.as_str(), broken.reason.as_str()];
            out.counter(&names::AUDIT_CHAIN_VERIFICATION_FAILURES, &labels, 1);
        }
        if let Some(age) = now.anchor_age {
            out.gauge(&names::AUDIT_ANCHOR_AGE, &[], age.as_secs_f64());
        }
        for (kind, sealed) in &now.sealed {
            out.counter(&names::AUDIT_RECORD_SEALED, &[kind], *sealed);
        }
    })
}

/// How far the audit log is shipped.
#[cfg(feature = "collector")]
pub(crate) fn of_shipping(
    registry: &Registry,
    shipping: counterfoil_exporter_collector::ShipStatusReader,
    clock: std::sync::Arc<dyn counterfoil_core::Clock>,
) -> Observed {
    registry.observe(move |out| {
        let now = shipping.read();
        let age = now.oldest_unsent.map_or(0, |oldest| {
            let now = clock.utc().unix_nanos();
            now.saturating_sub(oldest.unix_nanos())
        });
        let age = std::time::Duration::from_nanos(age);
        out.up_down_counter(&names::AUDIT_SHIP_LAG, &[], signed(now.behind));
        out.gauge(&names::AUDIT_SHIP_AGE, &[], age.as_secs_f64());
        let acknowledged = signed(now.acknowledged);
        out.up_down_counter(&names::AUDIT_SHIP_ACKNOWLEDGED, &[], acknowledged);
        let halted = i64::from(now.state.is_halted());
        out.up_down_counter(&names::AUDIT_SHIP_HALTED, &[], halted);
        out.counter(&names::AUDIT_SHIP_MISSED, &[], now.missed);
        for (reason, failed) in &now.failures {
            out.counter(&names::AUDIT_SHIP_FAILED, &[reason], *failed);
        }
    })
}

/// How the service and its checks stand.
#[cfg(feature = "health")]
pub(crate) fn of_health(registry: &Registry, health: counterfoil_health::ReportReader) -> Observed {
    use counterfoil_health::Status;
    registry.observe(move |out| {
        let Some(report) = health.read() else {
            return;
        };
        let status = report.status();
        for it in Status::ALL {
            let is = i64::from(it == status);
            out.up_down_counter(&names::HEALTH_STATUS, &[it.as_str()], is);
        }
        let ready = i64::from(report.is_ready());
        out.up_down_counter(&names::HEALTH_READY, &[], ready);
        for check in &report.checks {
            let name = &*check.name;
            for it in Status::ALL {
                let labels = [name, it.as_str()];
                let is = i64::from(it == check.status);
                out.up_down_counter(&names::HEALTH_CHECK_STATUS, &labels, is);
            }
            if let Some(took) = check.duration {
                out.gauge(&names::HEALTH_CHECK_DURATION, &[name], took.as_secs_f64());
            }
            if let Some(age) = check.age {
                out.gauge(&names::HEALTH_CHECK_AGE, &[name], age.as_secs_f64());
            }
            out.counter(&names::HEALTH_CHECK_FAILED, &[name], check.failures);
            out.counter(&names::HEALTH_CHECK_TIMEOUT, &[name], check.timeouts);
        }
    })
}

/// The figures of the store that has the audit log's heads cosigned.
#[cfg(feature = "witness")]
pub(crate) fn of_witnesses(
    registry: &Registry,
    figures: counterfoil_anchor_witness::FiguresReader,
) -> Observed {
    registry.observe(move |out| {
        let now = figures.read();
        out.counter(&names::WITNESS_QUORUM_MET, &[], now.quorum_met);
        out.counter(&names::WITNESS_QUORUM_MISSED, &[], now.quorum_missed);
        out.counter(
            &names::WITNESS_QUORUM_WAIVED,
            &[],
            now.advanced_without_quorum,
        );
        out.counter(&names::WITNESS_SPLIT_VIEW, &[], now.split_views);
        for witness in &now.witnesses {
            let name = &*witness.name;
            for (outcome, count) in witness.outcomes {
                let labels = [name, outcome.as_str()];
                out.counter(&names::WITNESS_SUBMISSION, &labels, count);
            }
            let size = signed(witness.cosigned_size);
            out.up_down_counter(&names::WITNESS_COSIGNED_SIZE, &[name], size);
            if let Some(age) = witness.cosigned_age {
                out.gauge(&names::WITNESS_COSIGNED_AGE, &[name], age.as_secs_f64());
            }
        }
    })
}

#[cfg(any(feature = "events", feature = "audit"))]
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
