//! What Prometheus's own linter says.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use counterfoil_core::names::{CounterDef, GaugeDef, HistogramDef, UpDownCounterDef};
use counterfoil_core::{
    FabricEvent, LeaseId, MetricKind, Name, OpType, ResourceType, Timestamp, names,
};
use counterfoil_exporter_prometheus::Renderer;
use counterfoil_metrics::{FabricMetrics, Observations, Registry};
use counterfoil_testkit::programs;

/// A figure for every instrument of our tables, whoever feeds it, and the kinds that have aliases.
fn observe_all(out: &mut Observations<'_>) {
    for row in names::TABLES.iter().flat_map(|table| table.instruments) {
        let values = vec!["x"; row.labels.len()];
        let (name, unit, labels, about) = (row.name, row.unit, row.labels, row.description);
        match row.kind {
            MetricKind::Counter if unit == "s" => {
                let def = CounterDef::new(name, unit, labels, about);
                out.float_counter(&def, &values, 0.125);
            }
            MetricKind::Counter => {
                let def = CounterDef::new(name, unit, labels, about);
                out.counter(&def, &values, 1);
            }
            MetricKind::UpDownCounter => {
                let def = UpDownCounterDef::new(name, unit, labels, about);
                out.up_down_counter(&def, &values, -2);
            }
            MetricKind::Gauge => {
                let def = GaugeDef::new(name, unit, labels, about);
                out.gauge(&def, &values, 0.25);
            }
            MetricKind::Histogram => {
                let def = HistogramDef::new(name, unit, labels, about, row.bounds, row.ceiling);
                out.histogram(&def, &values, &[0, 1, 2], 0.004);
            }
            MetricKind::ExponentialHistogram => panic!("{name}: record a value of it here"),
        }
    }
    for kind in ["lease_allocated", "log_opened", "vault.object_put"] {
        out.counter(&names::AUDIT_RECORD_SEALED, &[kind], 7);
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
    if programs::is_missing("promtool") {
        return;
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
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
