//! A counter and a histogram per operation, natively and through `metrics` handles.

use std::hint::black_box;
use std::time::Duration;

use counterfoil::metrics::{FabricMetrics, Registry};
use counterfoil::{OpType, TraceContext, names};
use metrics::{Key, Metadata, Recorder as _};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::group::Outcome;
use crate::measure::{Batch, Effort, allocations, pair};
use crate::row::Row;
use crate::stock;

const OPS: u32 = 20_000;
const METADATA: Metadata<'static> = Metadata::new("counterfoil_bench", metrics::Level::INFO, None);

pub(crate) fn rows(effort: Effort, threads: usize) -> Outcome<Vec<Row>> {
    Ok(vec![
        native(effort, threads),
        with_exemplars(effort, threads)?,
        exponential(effort, threads),
        counter_handle(effort, threads),
        histogram_handle(effort, threads)?,
    ])
}

fn native(effort: Effort, threads: usize) -> Row {
    let registry = Registry::new();
    let metrics = FabricMetrics::new(&registry);
    let ours = || -> Batch<'_> {
        let block = registry.thread_block();
        let metrics = &metrics;
        Box::new(move |ops| {
            for op in 0..ops {
                let elapsed = Duration::from_nanos(u64::from(op & 0xffff));
                metrics.record_operation_in(&block, OpType::Read, black_box(elapsed), 4_096);
            }
        })
    };
    let recorder = stock::recorder();
    let (bytes, latency) = (
        stock::counter(&recorder, "bytes_total"),
        stock::histogram(&recorder, "latency_seconds"),
    );
    let upkeep = recorder.handle();
    let stock = || -> Batch<'_> {
        let (bytes, latency, upkeep) = (&bytes, &latency, &upkeep);
        Box::new(move |ops| {
            for op in 0..ops {
                let elapsed = Duration::from_nanos(u64::from(op & 0xffff));
                latency.record(black_box(elapsed).as_secs_f64());
                bytes.increment(4_096);
            }
            // Without it the recorder buffers every sample; somebody has to pay for the draining.
            upkeep.run_upkeep();
        })
    };
    let (ns_per_op, stock_ns_per_op) = pair(effort, threads, OPS, &ours, &stock);
    Row {
        name: "operation: counter + histogram, native".into(),
        threads,
        ns_per_op,
        stock_ns_per_op,
        target_ns: Some(5.0),
        allocations_per_op: Some(allocations(OPS, ours())),
        stock: "metrics 0.24 cached handles on metrics-exporter-prometheus 0.18, its upkeep included",
        figures: Vec::new(),
    }
}

/// The same operation inside of a sampled span.
fn with_exemplars(effort: Effort, threads: usize) -> Outcome<Row> {
    let registry = Registry::new();
    let metrics = FabricMetrics::new(&registry);
    let trace: TraceContext = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse()?;
    let with = |trace: Option<TraceContext>| -> Batch<'_> {
        let block = registry.thread_block();
        let metrics = &metrics;
        Box::new(move |ops| {
            for op in 0..ops {
                let elapsed = black_box(Duration::from_nanos(u64::from(op & 0xffff)));
                let trace = black_box(&trace).as_ref();
                metrics.record_operation_with_in(&block, OpType::Read, elapsed, 4_096, trace);
            }
        })
    };
    let ours = || with(Some(trace));
    let (ns_per_op, stock_ns_per_op) = pair(effort, threads, OPS, &ours, &|| with(None));
    Ok(Row {
        name: "operation in a sampled span, with exemplars".into(),
        threads,
        ns_per_op,
        stock_ns_per_op,
        target_ns: Some(8.0),
        allocations_per_op: Some(allocations(OPS, ours())),
        stock: "the same call outside of a span",
        figures: Vec::new(),
    })
}

fn exponential(effort: Effort, threads: usize) -> Row {
    let registry = Registry::new();
    let exponential = registry.instrument(&EXPONENTIAL);
    let explicit = registry.instrument(&names::OPERATION_DURATION);
    let value = |op: u32| black_box(f64::from(op & 0xffff) * 1e-9);
    let ours = || -> Batch<'_> {
        let (block, exponential) = (registry.thread_block(), &exponential);
        Box::new(move |ops| (0..ops).for_each(|op| exponential.record_in(&block, value(op))))
    };
    let stock = || -> Batch<'_> {
        let (block, explicit) = (registry.thread_block(), &explicit);
        Box::new(move |ops| (0..ops).for_each(|op| explicit.record_in(&block, value(op))))
    };
    let (ns_per_op, stock_ns_per_op) = pair(effort, threads, OPS, &ours, &stock);
    Row {
        name: "exponential histogram, native".into(),
        threads,
        ns_per_op,
        stock_ns_per_op,
        target_ns: Some(5.0),
        allocations_per_op: Some(allocations(OPS, ours())),
        stock: "our histogram of 14 bounds",
        figures: Vec::new(),
    }
}

counterfoil::instruments! {
    /// What the measurement counts.
    TABLE: prefix "bench.", labels [];

    /// How long an operation took.
    EXPONENTIAL: ExponentialHistogram("bench.operation.duration", "s", [], ceiling: 3600.0);
}

fn counter_handle(effort: Effort, threads: usize) -> Row {
    let registry = Registry::new();
    let handle = registry.register_counter(&Key::from_static_name("bytes_total"), &METADATA);
    let recorder = stock::recorder();
    let other = stock::counter(&recorder, "bytes_total");
    let batch = |counter: &metrics::Counter| -> Batch<'static> {
        let counter = counter.clone();
        Box::new(move |ops| {
            for op in 0..ops {
                counter.increment(black_box(u64::from(op)));
            }
        })
    };
    let (ns_per_op, stock_ns_per_op) =
        pair(effort, threads, OPS, &|| batch(&handle), &|| batch(&other));
    Row {
        name: "counter through a metrics handle".into(),
        threads,
        ns_per_op,
        stock_ns_per_op,
        target_ns: Some(2.5),
        allocations_per_op: Some(allocations(OPS, batch(&handle))),
        stock: "the same handle on metrics-exporter-prometheus 0.18",
        figures: Vec::new(),
    }
}

fn histogram_handle(effort: Effort, threads: usize) -> Outcome<Row> {
    let registry = Registry::builder()
        .bounds("latency_seconds", &stock::BOUNDS, None)?
        .build();
    let handle = registry.register_histogram(&Key::from_static_name("latency_seconds"), &METADATA);
    let recorder = stock::recorder();
    let other = stock::histogram(&recorder, "latency_seconds");
    let upkeep = recorder.handle();
    let batch =
        |histogram: &metrics::Histogram, upkeep: Option<PrometheusHandle>| -> Batch<'static> {
            let histogram = histogram.clone();
            Box::new(move |ops| {
                for op in 0..ops {
                    histogram.record(black_box(f64::from(op & 0xffff) * 1e-6));
                }
                if let Some(upkeep) = &upkeep {
                    upkeep.run_upkeep();
                }
            })
        };
    let (ns_per_op, stock_ns_per_op) =
        pair(effort, threads, OPS, &|| batch(&handle, None), &|| {
            batch(&other, Some(upkeep.clone()))
        });
    Ok(Row {
        name: "histogram through a metrics handle".into(),
        threads,
        ns_per_op,
        stock_ns_per_op,
        target_ns: Some(3.5),
        allocations_per_op: Some(allocations(OPS, batch(&handle, None))),
        stock: "the same handle on metrics-exporter-prometheus 0.18",
        figures: Vec::new(),
    })
}
