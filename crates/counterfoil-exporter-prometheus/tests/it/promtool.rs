//! What Prometheus's own linter says.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use counterfoil_core::{
    FabricEvent, LeaseId, MetricKind, Name, OpType, ResourceType, Timestamp, names,
};
use counterfoil_exporter_prometheus::Renderer;
use counterfoil_metrics::{FabricMetrics, Observations, Registry};

/// A figure for every observed instrument of our table.
fn observe_all(out: &mut Observations<'_>) {
    for def in [
        names::EVENT_OFFERED,
        names::EVENT_OVERWRITTEN,
        names::EVENT_MISSED,
        names::EVENT_SHARED,
        names::NAME_OVERFLOW,
        names::AUDIT_RECORD_OFFERED,
        names::AUDIT_RECORD_STORED,
        names::AUDIT_RECORD_REJECTED,
        names::AUDIT_RECORD_DROPPED,
        names::AUDIT_RECORD_LOST,
        names::AUDIT_SEGMENT_POISONED,
        names::AUDIT_ANCHOR_FAILED,
        names::AUDIT_TILE_WRITTEN,
        names::WITNESS_QUORUM_MET,
        names::WITNESS_QUORUM_MISSED,
        names::WITNESS_QUORUM_WAIVED,
        names::WITNESS_SPLIT_VIEW,
        names::AUDIT_VERIFICATION_FAILED,
        names::METRIC_OVERFLOW,
        names::METRIC_OVER_CEILING,
        names::METRIC_REFUSED,
        names::METRIC_CONFLICT,
        names::EXPORT_SEALED_MISSED,
        names::PANIC_SEEN,
    ] {
        out.counter(&def, &["x"], 1);
    }
    for def in [
        names::EXPORT_OFFERED,
        names::EXPORT_DELIVERED,
        names::EXPORT_FAILED,
        names::EXPORT_DROPPED,
    ] {
        out.counter(&def, &["otlp", "spans"], 5);
    }
    out.up_down_counter(&names::EXPORT_QUEUE_SIZE, &["otlp", "spans"], 2);
    out.gauge(&names::BUILD_INFO, &["orders", "1.2.3", "0.1.0"], 1.0);
    observe_process_and_runtime(out);
    observe_health(out);
    for kind in ["lease_allocated", "log_opened", "vault.object_put"] {
        out.counter(&names::AUDIT_RECORD_SEALED, &[kind], 7);
    }
    for def in [
        names::EVENT_RING_CAPACITY,
        names::AUDIT_QUEUE_SIZE,
        names::AUDIT_DURABLE_LAG,
        names::AUDIT_ANCHOR_LAG,
    ] {
        out.up_down_counter(&def, &[], 2);
    }
    out.counter(&names::WITNESS_SUBMISSION, &["w", "cosigned"], 3);
    out.up_down_counter(&names::WITNESS_COSIGNED_SIZE, &["w"], 2);
    out.gauge(&names::WITNESS_COSIGNED_AGE, &["w"], 0.5);
    out.gauge(&names::AUDIT_ANCHOR_AGE, &[], 0.25);
    out.histogram(&names::AUDIT_SYNC_DURATION, &[], &[0, 1, 2], 0.004);
}

fn observe_health(out: &mut Observations<'_>) {
    out.up_down_counter(&names::HEALTH_STATUS, &["healthy"], 1);
    out.up_down_counter(&names::HEALTH_READY, &[], 1);
    out.up_down_counter(&names::HEALTH_CHECK_STATUS, &["disk", "healthy"], 1);
    for def in [names::HEALTH_CHECK_DURATION, names::HEALTH_CHECK_AGE] {
        out.gauge(&def, &["disk"], 0.25);
    }
    for def in [names::HEALTH_CHECK_FAILED, names::HEALTH_CHECK_TIMEOUT] {
        out.counter(&def, &["disk"], 1);
    }
}

fn observe_process_and_runtime(out: &mut Observations<'_>) {
    for def in [names::PROCESS_CPU_TIME, names::TOKIO_WORKER_BUSY_TIME] {
        out.float_counter(&def, &[], 0.125);
    }
    for def in [
        names::PROCESS_MEMORY_USAGE,
        names::PROCESS_MEMORY_VIRTUAL,
        names::PROCESS_FILE_DESCRIPTOR_COUNT,
        names::PROCESS_FILE_DESCRIPTOR_LIMIT,
        names::PROCESS_THREAD_COUNT,
        names::TOKIO_WORKER_LIMIT,
        names::TOKIO_TASK_ALIVE,
        names::TOKIO_GLOBAL_QUEUE_SIZE,
    ] {
        out.up_down_counter(&def, &[], 4);
    }
    for def in [names::PROCESS_START_TIME, names::TOKIO_WORKER_UTILIZATION] {
        out.gauge(&def, &[], 0.5);
    }
}

#[test]
fn promtool_has_nothing_to_say_about_any_of_our_own_metrics() {
    let registry = Registry::new();
    let metrics = FabricMetrics::new(&registry);
    let block = registry.thread_block();
    metrics.record_operation_in(&block, OpType::Read, Duration::from_micros(120), 4096);
    let event = FabricEvent::LeaseAcquired {
        resource_type: ResourceType::Mem,
        lease_id: LeaseId(7),
        node: Name::new("node-a"),
        bytes: 4096,
    };
    metrics.record_in(&block, &event);
    let _guard = registry.observe(observe_all);

    let snapshot = registry.snapshot(Timestamp::default());
    let shown: Vec<_> = snapshot
        .families
        .iter()
        .map(|it| (&*it.name, it.kind))
        .collect();
    let mut declared: Vec<(&str, MetricKind)> = names::TABLES
        .iter()
        .flat_map(|table| table.instruments)
        .map(|it| (it.name, it.kind))
        .collect();
    declared.sort_by_key(|it| it.0);
    assert_eq!(shown, declared, "the whole table is shown to promtool");

    check(&Renderer::new().render(&snapshot));
}

fn check(text: &str) {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = match started {
        Ok(promtool) => promtool,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            assert!(
                std::env::var_os("CI").is_none(),
                "promtool is missing, and CI must not skip this: install the package prometheus"
            );
            eprintln!("skipped: promtool is missing; it comes with the package prometheus");
            return;
        }
        Err(error) => panic!("promtool cannot be started: {error}"),
    };
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        output.status.success() && said.is_empty(),
        "promtool says:\n{said}\nof:\n{text}"
    );
}
