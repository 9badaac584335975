//! What the service as a whole has done.

use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_core::{Clock, HistogramValue, OpType, Ticks};
use counterfoil_health::Figure;
use counterfoil_metrics::FabricMetrics;

use crate::Observer;

/// Figures of all operations of `observer` together, for [`HealthBuilder::aggregates`](super::HealthBuilder::aggregates): how
/// many there were and how many failed, how many a second since the last look, and since the start their mean latency and the
/// bucket's bound below which 99 of 100 stayed. It keeps the instruments alive and nothing else of the observer.
pub fn operations(observer: &Observer) -> impl Fn() -> Vec<Figure> + Send + Sync + use<> {
    let (metrics, clock) = (observer.metrics().clone(), Arc::clone(observer.clock()));
    let before = Mutex::new((clock.ticks(), of_all(&metrics).count()));
    move || {
        let all = of_all(&metrics);
        let now = (clock.ticks(), all.count());
        let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = rate(std::mem::replace(&mut *before, now), now);
        let failed = metrics.operation_errors.get();
        vec![
            Figure::new("operations", all.count() as f64, "{operation}"),
            Figure::new("operations_failed", failed as f64, "{operation}"),
            Figure::new("operation_rate", rate, "{operation}/s"),
            Figure::new("latency_mean", all.sum / all.count() as f64, "s"),
            Figure::new(
                "latency_p99",
                all.quantile_bound(0.99).unwrap_or(f64::NAN),
                "s",
            ),
        ]
    }
}

/// The durations of all kinds of operations together.
fn of_all(metrics: &FabricMetrics) -> HistogramValue {
    let of_kind = |op: &OpType| metrics.operation_duration.at(*op).get();
    let mut all = of_kind(&OpType::ALL[0]);
    for one in OpType::ALL[1..].iter().map(of_kind) {
        all.merge(&one);
    }
    all
}

/// How many a second between two looks; nothing is known of no time.
fn rate(before: (Ticks, u64), now: (Ticks, u64)) -> f64 {
    let nanos = now.0.0.saturating_sub(before.0.0);
    if nanos == 0 {
        return f64::NAN;
    }
    now.1.saturating_sub(before.1) as f64 * 1e9 / nanos as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_figures_are_those_of_all_operations_together() {
        let observer = Observer::builder().build().unwrap();
        let read = operations(&observer);
        for _ in 0..99 {
            observer.operation(OpType::Read, Duration::from_micros(400), 1);
        }
        observer.operation(OpType::Write, Duration::from_millis(40), 1);
        let figures = read();
        let value = |name| figures.iter().find(|it| it.name == name).unwrap().value;
        assert_eq!(value("operations"), 100.0);
        assert_eq!(value("operations_failed"), 0.0);
        assert!(value("operation_rate") > 0.0);
        assert!((value("latency_mean") - 0.000_796).abs() < 1e-9);
        assert_eq!(value("latency_p99"), 0.0005);
    }

    #[test]
    fn nothing_is_made_up_where_nothing_was_measured() {
        let observer = Observer::builder().build().unwrap();
        let figures = operations(&observer)();
        assert!(figures[3].value.is_nan() && figures[4].value.is_nan());
        assert!(rate((Ticks(5), 1), (Ticks(5), 9)).is_nan());
    }
}
