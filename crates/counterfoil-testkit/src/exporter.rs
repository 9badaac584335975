//! What every `Exporter` must do.
#![expect(
    clippy::panic,
    reason = "a conformance suite reports by panicking, as a test does"
)]

mod telemetry;

use std::sync::Arc;
use std::time::{Duration, Instant};

use counterfoil_core::{
    Digest, Exemplar, ExponentialBuckets, ExponentialHistogramValue, HistogramValue, MetricFamily,
    MetricKind, MetricSnapshot, MetricValue, SealedLine, Series, SeriesMeta, SpanId, Timestamp,
    TraceId,
};
use counterfoil_exporter::{Batch, Error, ErrorKind, Exporter, Signals};

/// Long enough for an exporter that is not stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the suite. `make` gives a fresh exporter, and a function that counts the items (series, events, lines, spans, log
/// records) that have
/// arrived behind it.
///
/// # Panics
/// Says which clause of the contract was broken.
pub fn conformance<E: Exporter, A: Fn() -> usize>(make: impl Fn() -> (E, A)) {
    every_item_of_its_signals_arrives(&make);
    other_signals_are_refused(&make);
    empty_batches_are_accepted(&make);
    flush_may_be_called_at_any_time(&make);
    calls_may_come_from_several_threads_in_turn(&make);
    let (exporter, _) = make();
    assert!(!format!("{exporter:?}").is_empty(), "Debug prints nothing");
}

/// Checks that no failure goes unnoticed. `make` gives a fresh exporter whose destination refuses everything; what it takes
/// is refused by `export`, or else by the `flush` after it.
///
/// For a wrapper the destination may be [`Refusing`].
///
/// # Panics
/// Says which batch was lost without a word.
pub fn failing<E: Exporter>(make: impl Fn() -> E) {
    for batch in taken(&make()) {
        let exporter = make();
        let told = exporter.export(batch.clone()).is_err()
            || exporter.flush(Instant::now() + PATIENCE).is_err();
        assert!(
            told,
            "a batch of {:?} was refused behind the exporter, and neither export nor flush said so",
            batch.signal()
        );
    }
}

/// Refuses every batch, as a destination would that does not like what it is sent.
#[derive(Clone, Copy, Debug)]
#[allow(
    clippy::exhaustive_structs,
    reason = "it has nothing in it and is written as a value"
)]
pub struct Refusing;

impl Exporter for Refusing {
    fn signals(&self) -> Signals {
        Signals::ALL
    }

    fn export(&self, _batch: Batch) -> Result<(), Error> {
        Err(Error::new(
            ErrorKind::Rejected,
            "export a batch",
            "this exporter refuses everything",
        ))
    }

    fn flush(&self, _deadline: Instant) -> Result<(), Error> {
        Ok(())
    }
}

/// A batch of each signal: every kind of metric, every kind of event, two sealed lines, spans and log records of every kind,
/// with text in them that a sink has to escape.
#[must_use]
pub fn batches() -> [Batch; 5] {
    [
        metrics().into(),
        crate::event_sink::events().into(),
        sealed().into(),
        telemetry::spans().into(),
        telemetry::logs().into(),
    ]
}

fn metrics() -> MetricSnapshot {
    let histogram = HistogramValue {
        bounds: [0.001, 1.0].into(),
        counts: vec![1, 0, 2],
        sum: 12.5,
        over_ceiling: 1,
        refused: 3,
        exemplars: exemplars(&[0.5]),
    };
    let exponential = ExponentialHistogramValue {
        scale: 3,
        zero_count: 1,
        positive: ExponentialBuckets {
            offset: -80,
            counts: vec![1, 0, 2],
        },
        negative: ExponentialBuckets {
            offset: 4,
            counts: vec![1],
        },
        sum: -0.5,
        over_ceiling: 1,
        refused: 3,
        exemplars: exemplars(&[-1.5, 0.001]),
    };
    let families = [
        (
            MetricKind::Counter,
            vec![MetricValue::Counter(u64::MAX), MetricValue::Counter(0)],
        ),
        (
            MetricKind::UpDownCounter,
            vec![MetricValue::UpDownCounter(i64::MIN)],
        ),
        (
            MetricKind::Gauge,
            [0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]
                .map(MetricValue::Gauge)
                .into(),
        ),
        (
            MetricKind::Histogram,
            vec![MetricValue::Histogram(histogram)],
        ),
        (
            MetricKind::ExponentialHistogram,
            vec![MetricValue::ExponentialHistogram(exponential)],
        ),
    ];
    MetricSnapshot {
        time: Timestamp::from_unix_seconds(1_700_000_000),
        families: families
            .into_iter()
            .map(|(kind, values)| family(kind, values))
            .collect(),
    }
}

fn exemplars(values: &[f64]) -> Vec<Exemplar> {
    let exemplar = |value: &f64| {
        Some(Exemplar {
            value: *value,
            time: Timestamp::from_unix_seconds(1_699_999_999),
            trace_id: TraceId::from_bytes([0x4b; 16])?,
            span_id: SpanId::from_bytes([0x0a; 8])?,
        })
    };
    values.iter().filter_map(exemplar).collect()
}

fn family(kind: MetricKind, values: Vec<MetricValue>) -> MetricFamily {
    let labels = |n: usize| vec![("key".into(), format!("\"{n}\n").into())];
    let series = values.into_iter().enumerate().map(|(n, value)| Series {
        meta: Arc::new(SeriesMeta { labels: labels(n) }),
        value,
    });
    MetricFamily {
        name: format!("conformance.{kind:?}").to_lowercase().into(),
        unit: "By".into(),
        description: "A family of the conformance suite.".into(),
        kind,
        series: series.collect(),
    }
}

fn sealed() -> Vec<SealedLine> {
    let line = |seq: u64| SealedLine {
        seq,
        hash: Digest::from_bytes([seq as u8; Digest::LEN]),
        bytes: format!("{{\"hash\":\"not checked here\",\"seq\":{seq}}}\n").into_bytes(),
    };
    vec![line(1), line(2)]
}

fn taken(exporter: &impl Exporter) -> Vec<Batch> {
    let signals = exporter.signals();
    assert!(!signals.is_empty(), "an exporter takes at least one signal");
    assert_eq!(signals, exporter.signals(), "signals never change");
    batches()
        .into_iter()
        .filter(|batch| signals.contains(batch.signal()))
        .collect()
}

fn every_item_of_its_signals_arrives<E: Exporter, A: Fn() -> usize>(make: &impl Fn() -> (E, A)) {
    let (exporter, arrived) = make();
    let batches = taken(&exporter);
    for batch in &batches {
        export(&exporter, batch);
    }
    flush(&exporter);
    let items: usize = batches.iter().map(Batch::len).sum();
    assert_eq!(
        arrived(),
        items,
        "every exported item arrives once, after flush at the latest"
    );
}

fn other_signals_are_refused<E: Exporter, A: Fn() -> usize>(make: &impl Fn() -> (E, A)) {
    let (exporter, arrived) = make();
    let signals = exporter.signals();
    for batch in batches()
        .into_iter()
        .filter(|batch| !signals.contains(batch.signal()))
    {
        let signal = batch.signal();
        match exporter.export(batch) {
            Err(error) if error.kind() == ErrorKind::Unsupported && !error.is_retryable() => {}
            other => {
                panic!("{signal:?} is not taken, and export must say Unsupported, not {other:?}")
            }
        }
    }
    flush(&exporter);
    assert_eq!(arrived(), 0, "a refused batch leaves nothing behind");
}

fn empty_batches_are_accepted<E: Exporter, A: Fn() -> usize>(make: &impl Fn() -> (E, A)) {
    let (exporter, arrived) = make();
    let empty = [
        (Signals::METRICS, Batch::from(MetricSnapshot::default())),
        (Signals::EVENTS, Batch::Events([].into())),
        (Signals::SEALED, Batch::Sealed([].into())),
        (Signals::SPANS, Batch::Spans([].into())),
        (Signals::LOGS, Batch::Logs([].into())),
    ];
    for (_, batch) in empty
        .iter()
        .filter(|(signal, _)| exporter.signals().contains(*signal))
    {
        export(&exporter, batch);
    }
    flush(&exporter);
    assert_eq!(arrived(), 0, "empty batches deliver nothing");
}

fn flush_may_be_called_at_any_time<E: Exporter, A: Fn() -> usize>(make: &impl Fn() -> (E, A)) {
    let (exporter, arrived) = make();
    flush(&exporter);
    let mut items = 0;
    for batch in taken(&exporter) {
        export(&exporter, &batch);
        items += batch.len();
        if let Err(error) = exporter.flush(Instant::now()) {
            assert_eq!(
                error.kind(),
                ErrorKind::Timeout,
                "a deadline that has passed is Timeout or success: {error}"
            );
        }
        flush(&exporter);
        flush(&exporter);
        assert_eq!(
            arrived(),
            items,
            "a flush delivers what was accepted, and a second one nothing more"
        );
    }
}

fn calls_may_come_from_several_threads_in_turn<E: Exporter, A: Fn() -> usize>(
    make: &impl Fn() -> (E, A),
) {
    let (exporter, arrived) = make();
    let batches = taken(&exporter);
    for batch in &batches {
        std::thread::scope(|scope| scope.spawn(|| export(&exporter, batch)).join().is_ok());
    }
    flush(&exporter);
    let items: usize = batches.iter().map(Batch::len).sum();
    assert_eq!(
        arrived(),
        items,
        "items arrive whichever thread exports them"
    );
}

fn export(exporter: &impl Exporter, batch: &Batch) {
    if let Err(error) = exporter.export(batch.clone()) {
        panic!("a batch of {:?} was refused: {error}", batch.signal());
    }
}

fn flush(exporter: &impl Exporter) {
    if let Err(error) = exporter.flush(Instant::now() + PATIENCE) {
        panic!("flush failed: {error}");
    }
}
