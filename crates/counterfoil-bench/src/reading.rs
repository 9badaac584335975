//! What reading costs: the reader, and the writers meanwhile.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use counterfoil::events::EventRingBuffer;
use counterfoil::metrics::Registry;
use counterfoil::prometheus::{Format, Renderer};
use counterfoil::{SystemClock, Timestamp};
use metrics::{Key, Metadata, Recorder};

use crate::group::Outcome;
use crate::lifecycle::sample_words;
use crate::measure::{Batch, Effort, pair, quantile};
use crate::row::Row;
use crate::stock::{self, StockRing};

const SERIES: usize = 1_000;
const BLOCKS: usize = 16;
const METADATA: Metadata<'static> = Metadata::new("counterfoil_bench", metrics::Level::INFO, None);

/// The 99.99th percentile of a push while another thread takes one snapshot after another.
pub(crate) fn writer_while_read(effort: Effort) -> Outcome<Row> {
    let words = sample_words(&SystemClock::new())?;
    let events = EventRingBuffer::new();
    let writer = events.writer();
    let ours = pushes_while(
        effort,
        || writer.push_words(&words),
        || drop(black_box(events.snapshot())),
    );
    let pushes: Batch<'_> = Box::new(|ops| (0..ops).for_each(|_| writer.push_words(&words)));
    let allocations_per_op = Some(crate::measure::allocations(10_000, pushes));
    let ring = StockRing::new(4_096);
    let event = stock::sample_event();
    let stock = pushes_while(
        effort,
        || ring.push(event.clone()),
        || drop(black_box(ring.snapshot())),
    );
    Ok(Row {
        name: "ring push p99.99 during snapshots".into(),
        threads: 1,
        ns_per_op: ours,
        stock_ns_per_op: stock,
        target_ns: Some(100.0),
        allocations_per_op,
        stock: "parking_lot::Mutex<VecDeque>, cloned under the lock",
        figures: Vec::new(),
    })
}

/// Single pushes, timed one by one; the cost of reading the timer is taken off.
fn pushes_while(effort: Effort, mut push: impl FnMut(), snapshot: impl Fn() + Sync) -> f64 {
    let length = effort.round * u32::try_from(effort.rounds).unwrap_or(1);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                snapshot();
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        let mut timer = Vec::with_capacity(100_000);
        let mut samples = Vec::with_capacity(4_000_000);
        let begin = Instant::now();
        while begin.elapsed() < length {
            for _ in 0..1_000 {
                let before = Instant::now();
                let between = Instant::now();
                push();
                let after = Instant::now();
                timer.push((between - before).as_nanos() as f64);
                samples.push((after - between).as_nanos() as f64);
            }
        }
        stop.store(true, Ordering::Relaxed);
        (quantile(&mut samples, 0.9999) - quantile(&mut timer, 0.5)).max(0.0)
    })
}

/// One scrape of 1 000 counters and 1 000 histograms that 16 threads have written to, in each text format.
pub(crate) fn scrape(effort: Effort) -> Outcome<Vec<Row>> {
    let formats = [
        (Format::Classic, "scrape of 1000 counters + 1000 histograms"),
        (Format::OpenMetrics, "the same scrape as OpenMetrics"),
    ];
    formats
        .into_iter()
        .map(|(format, name)| scrape_in(effort, format, name))
        .collect()
}

fn scrape_in(effort: Effort, format: Format, name: &str) -> Outcome<Row> {
    let names: Vec<(String, String)> = (0..SERIES)
        .map(|i| (format!("bench_counter_{i}"), format!("bench_histogram_{i}")))
        .collect();
    let mut builder = Registry::builder();
    for (_, histogram) in &names {
        builder = builder.bounds(histogram, &stock::BOUNDS, None)?;
    }
    let registry = builder.build();
    let recorder = stock::recorder();
    fill(&registry, &names);
    fill(&recorder, &names);
    let handle = recorder.handle();

    let ours = || -> Batch<'_> {
        let mut renderer = Renderer::with_format(format);
        let registry = &registry;
        Box::new(move |ops| {
            for _ in 0..ops {
                black_box(
                    renderer
                        .render(&registry.snapshot(Timestamp::default()))
                        .len(),
                );
            }
        })
    };
    let stock = || -> Batch<'_> {
        let handle = &handle;
        Box::new(move |ops| (0..ops).for_each(|_| drop(black_box(handle.render()))))
    };
    let (ns_per_op, stock_ns_per_op) = pair(effort, 1, 2, &ours, &stock);
    Ok(Row {
        name: name.into(),
        threads: 1,
        ns_per_op,
        stock_ns_per_op,
        target_ns: Some(800_000.0),
        allocations_per_op: Some(crate::measure::allocations(2, ours())),
        stock: "PrometheusHandle::render of metrics-exporter-prometheus 0.18",
        figures: Vec::new(),
    })
}

/// Counts in every series from as many threads as there shall be blocks, all alive at once.
fn fill(recorder: &(impl Recorder + Sync), names: &[(String, String)]) {
    let together = std::sync::Barrier::new(BLOCKS);
    std::thread::scope(|scope| {
        for _ in 0..BLOCKS {
            scope.spawn(|| {
                for (counter, histogram) in names {
                    recorder
                        .register_counter(&Key::from_name(counter.clone()), &METADATA)
                        .increment(7);
                    let histogram =
                        recorder.register_histogram(&Key::from_name(histogram.clone()), &METADATA);
                    for value in stock::BOUNDS {
                        histogram.record(value);
                    }
                }
                together.wait();
            });
        }
    });
}
