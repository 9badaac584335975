//! Which call reaches which layer, and with which keys.

use std::time::Duration;

use counterfoil::audit::Object;
use counterfoil::events::EventRingBuffer;
use counterfoil::{
    DomainRecord, ErrorKind, FabricError, FailedOperation, LeaseId, MetricValue, Name, Observer,
    OpType, ResourceType, SystemClock, names,
};

use counterfoil_testkit::FakeClock;

use crate::support::{Bench, context};

#[test]
fn a_lease_call_reaches_all_layers_under_the_same_keys() {
    let bench = Bench::new();
    let ctx = context();
    bench.observer.lease_acquired(
        &ctx,
        ResourceType::Mem,
        LeaseId(7),
        &Name::new("node-a"),
        4096,
    );

    assert_eq!(bench.observer.metrics().leases_total.get(), 1);
    assert_eq!(bench.observer.metrics().leases_active.get(), 1);
    let snapshot = bench.observer.events().snapshot();
    let [event] = snapshot.events() else {
        panic!("{snapshot:?}")
    };
    assert_eq!(
        (event.event.kind_name(), &event.context),
        ("lease_acquired", &ctx)
    );
    let sealed = bench.sealed();
    let [body] = sealed.as_slice() else {
        panic!("{sealed:?}")
    };
    assert_eq!(body["event"]["kind"], "lease_allocated");
    assert_eq!(body["event"]["data"]["bytes"], "4096");
    assert_eq!(body["keys"]["lease"], "7");
    assert_eq!(body["keys"]["node"], "node-a");
    assert_eq!(body["keys"]["request"], "req-1");
    assert_eq!(body["keys"]["trace"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(body["who"]["tenant"], "acme");
    assert_eq!(body["who"]["workload"], "train");
}

#[test]
fn the_life_of_a_lease_leaves_none_active_and_each_step_sealed_in_order() {
    let bench = Bench::new();
    let (ctx, node, lease) = (context(), Name::new("node-a"), LeaseId(7));
    let cpu = ResourceType::Cpu;
    bench.observer.lease_acquired(&ctx, cpu, lease, &node, 0);
    bench
        .observer
        .lease_renewed(&ctx, cpu, lease, &node, Duration::from_secs(30));
    bench.observer.lease_released(&ctx, cpu, lease, &node);
    bench.observer.lease_acquired(&ctx, cpu, lease, &node, 0);
    bench.observer.lease_expired(&ctx, cpu, lease, &node);
    bench.observer.lease_acquired(&ctx, cpu, lease, &node, 0);
    bench.observer.lease_preempted(
        &ctx,
        cpu,
        lease,
        &node,
        Some(LeaseId(8)),
        &Name::new("pressure"),
    );

    let metrics = bench.observer.metrics();
    assert_eq!(metrics.leases_active.get(), 0);
    assert_eq!(metrics.leases_total.get(), 3);
    let ends = [
        &metrics.leases_renewed,
        &metrics.leases_released,
        &metrics.leases_expired,
        &metrics.leases_preempted,
    ];
    assert_eq!(ends.map(|counter| counter.get()), [1, 1, 1, 1]);
    let kinds: Vec<_> = bench
        .sealed()
        .iter()
        .map(|body| body["event"]["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        kinds,
        [
            "lease_allocated",
            "lease_renewed",
            "lease_released",
            "lease_allocated",
            "lease_expired",
            "lease_allocated",
            "lease_preempted",
        ]
    );
}

#[test]
fn an_operation_that_succeeds_is_counted_and_nothing_else() {
    let bench = Bench::new();
    bench
        .observer
        .operation(OpType::Read, Duration::from_micros(120), 4096);
    assert_eq!(bench.observer.metrics().operation_bytes.get(), 4096);
    assert!(bench.observer.events().is_empty());
    assert!(bench.sealed().is_empty());
}

#[test]
fn an_operation_that_fails_reaches_all_layers() {
    let bench = Bench::new();
    let node = Name::new("node-a");
    let failed = FailedOperation::new(OpType::Write, FabricError::Disconnected)
        .lease(LeaseId(7))
        .node(&node)
        .elapsed(Duration::from_micros(240))
        .bytes(8192);
    bench.observer.operation_failed(&context(), failed);
    assert_eq!(bench.observer.metrics().operation_errors.get(), 1);
    assert_eq!(bench.observer.events().len(), 1);
    let sealed = bench.sealed();
    assert_eq!(sealed[0]["event"]["kind"], "operation_failed");
    assert_eq!(sealed[0]["event"]["outcome"], "failure");
    assert_eq!(sealed[0]["event"]["data"]["error"], "disconnected");
}

#[test]
fn a_record_of_another_domain_reaches_all_layers() {
    let bench = Bench::new();
    let kind = "vault.object_put".parse().unwrap();
    let mut data = Object::new();
    data.insert("bucket", "b-1").unwrap();
    bench.observer.record(
        &context(),
        DomainRecord::new(&kind, data).lease(LeaseId(9)).value(4096),
    );
    assert_eq!(bench.observer.metrics().custom_events.get(), 1);
    assert_eq!(
        bench.observer.events().snapshot().events()[0]
            .event
            .kind_name(),
        "vault.object_put"
    );
    let sealed = bench.sealed();
    assert_eq!(sealed[0]["event"]["kind"], "vault.object_put");
    assert_eq!(sealed[0]["event"]["data"]["bucket"], "b-1");
    assert_eq!(sealed[0]["keys"]["lease"], "9");
}

#[test]
fn a_name_that_the_table_has_no_room_for_is_sealed_in_full() {
    let bench = Bench::new();
    let long = "n".repeat(900);
    bench.observer.reconnected(&context(), &Name::new(&long));
    assert_eq!(
        bench.observer.events().snapshot().events()[0]
            .event
            .node()
            .unwrap()
            .as_str(),
        "overflow"
    );
    assert_eq!(bench.sealed()[0]["keys"]["node"], long);
}

#[test]
fn the_figures_of_ring_and_log_are_metrics() {
    let bench = Bench::new();
    let receipt = bench.observer.lease_expired(
        &context(),
        ResourceType::Gpu,
        LeaseId(1),
        &Name::new("node-a"),
    );
    receipt.wait_durable(crate::support::PATIENCE).unwrap();
    let snapshot = bench.observer.snapshot();
    let counter = |name: &str| {
        let family = snapshot
            .families
            .iter()
            .find(|family| &*family.name == name)
            .unwrap();
        match family.series[0].value {
            MetricValue::Counter(total) => total,
            ref other => panic!("{name} is {other:?}"),
        }
    };
    assert_eq!(counter("counterfoil.event.offered"), 1);
    assert_eq!(counter("counterfoil.audit.record.offered"), 1);
    assert_eq!(counter("counterfoil.audit.record.stored"), 1);
    let sealed = snapshot
        .families
        .iter()
        .find(|family| &*family.name == "counterfoil.audit.record.sealed")
        .unwrap();
    let of_kind = sealed
        .series
        .iter()
        .find(|series| &*series.meta.labels[0].1 == "lease_expired")
        .unwrap();
    assert!(matches!(of_kind.value, MetricValue::Counter(1)));
}

#[test]
fn after_the_log_is_closed_a_receipt_says_so_and_the_other_layers_go_on() {
    let bench = Bench::new();
    assert!(
        bench
            .observer
            .close(crate::support::PATIENCE)
            .unwrap()
            .finished
    );
    let receipt = bench.observer.lease_expired(
        &context(),
        ResourceType::Net,
        LeaseId(1),
        &Name::new("node-a"),
    );
    assert!(receipt.queued().is_err());
    assert_eq!(bench.observer.metrics().leases_expired.get(), 1);
    assert_eq!(bench.observer.events().len(), 1);
}

#[test]
fn a_layer_that_reads_another_clock_is_refused() {
    let events = EventRingBuffer::builder()
        .clock(FakeClock::new())
        .build()
        .unwrap();
    let error = Observer::builder()
        .clock(SystemClock::new())
        .events(events)
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ClocksDiffer);
    assert!(error.to_string().contains("event ring"), "{error}");
}

#[test]
fn every_name_of_the_table_is_exported() {
    let bench = Bench::new();
    let (observer, ctx, node) = (&bench.observer, context(), Name::new("node-a"));
    let acquired = observer.lease_acquired(&ctx, ResourceType::Mem, LeaseId(1), &node, 1);
    acquired.wait_durable(crate::support::PATIENCE).unwrap();
    observer
        .audit()
        .unwrap()
        .anchor_now(crate::support::PATIENCE)
        .unwrap();
    let overflowing = observer.registry().family(&names::OPERATION_IO);
    (0..3_000).for_each(|label| overflowing.with(&[&label.to_string()]).add(1));
    let snapshot = observer.snapshot();
    let exported = |name: &str| {
        snapshot
            .families
            .iter()
            .any(|family| &*family.name == name && !family.series.is_empty())
    };
    // Only what has gone wrong is left out until it does.
    let silent = [
        "counterfoil.audit.chain.verification.failures",
        "counterfoil.metric.conflict",
        "counterfoil.metric.over_ceiling",
        "counterfoil.metric.refused",
    ];
    for row in names::TABLE.instruments {
        assert!(
            // What witnesses do is fed where there are any: see the module `witnesses`.
            exported(row.name)
                || silent.contains(&row.name)
                || row.name.starts_with("counterfoil.witness.")
                // What a pipeline does is fed where there is one: see the module `tracing`.
                || row.name.starts_with("counterfoil.log.")
                || row.name.starts_with("counterfoil.span.")
                // What calls cost is fed by the layers of `counterfoil-tower` and its helper for methods.
                || row.name.starts_with("counterfoil.call.")
                // Health is fed by its checks: see the module `health`.
                || row.name.starts_with("counterfoil.health.")
                // The shipper and the collector feed their own, in crates of their own.
                || row.name.starts_with("counterfoil.audit.ship.")
                || row.name.starts_with("counterfoil.collector.")
                // And `init` feeds what only it knows of: see the module `init`.
                || fed_by_init(row.name),
            "{} is in the table and nobody feeds it",
            row.name
        );
    }
}

fn fed_by_init(name: &str) -> bool {
    name.starts_with("counterfoil.export.")
        || ["counterfoil.panic.seen", "counterfoil.build.info"].contains(&name)
}

#[test]
fn latencies_of_sampled_spans_lead_to_their_traces_from_the_metrics() {
    let bench = Bench::new();
    let ctx = context();
    let trace = *ctx.trace().unwrap();
    assert!(trace.is_sampled());
    let elapsed = Duration::from_micros(700);
    bench.observer.operation(OpType::Read, elapsed, 1);
    bench
        .observer
        .operation_with(&ctx, OpType::Read, elapsed, 1);
    bench.observer.operation_failed(
        &ctx,
        FailedOperation::new(OpType::Read, FabricError::Timeout).elapsed(Duration::from_secs(2)),
    );
    let read = bench.observer.metrics().operation_duration.at(OpType::Read);
    let read = read.get();
    let shown: Vec<_> = read
        .exemplars
        .iter()
        .map(|it| (it.value, it.trace_id, it.span_id))
        .collect();
    let expected = [0.000_7, 2.0].map(|value| (value, trace.trace_id, trace.span_id));
    assert_eq!((read.count(), shown), (3, expected.to_vec()));
}
