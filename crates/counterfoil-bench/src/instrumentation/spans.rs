//! Rows of a span from its creation to its end.

use std::hint::black_box;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::side::{Batches, Side};
use super::turns::medians;
use crate::group::Outcome;
use crate::measure::{Batch, Effort};
use crate::row::Row;

const OPS: u32 = 1_000;

pub(crate) fn rows(effort: Effort) -> Outcome<Vec<Row>> {
    let sides = [
        Side::SpanRegistry,
        Side::SpanOurs,
        Side::SpanStock,
        Side::SpanStockTuned,
    ];
    let [registry, ours, stock, tuned] = medians(effort, sides)?;
    Ok(vec![Row {
        name: "span, created, entered, closed; two fields".into(),
        threads: 1,
        ns_per_op: ours.ns,
        stock_ns_per_op: stock.ns,
        target_ns: None,
        allocations_per_op: Some(ours.allocations),
        stock: "tracing-opentelemetry 0.34 on opentelemetry_sdk 0.33; spans are dropped when they end, ours are drained",
        figures: vec![
            ("registry_alone_ns", registry.ns),
            ("stock_tuned_ns", tuned.ns),
            ("stock_allocations", stock.allocations),
            ("stock_tuned_allocations", tuned.allocations),
        ],
    }])
}

/// Spans through a registry without layers.
pub(crate) fn through_registry() -> Outcome<Batches> {
    tracing_subscriber::registry().try_init()?;
    Ok(batches(|| ()))
}

/// Batches of spans with two fields, with `after` at the end of each batch.
pub(crate) fn batches(after: impl Fn() + Clone + Send + Sync + 'static) -> Batches {
    let make = move || -> Batch<'static> {
        let after = after.clone();
        Box::new(move |ops| {
            for op in 0..ops {
                let span = tracing::info_span!("work", order = op, shop = "north");
                drop(black_box(span.enter()));
            }
            after();
        })
    };
    (OPS, Box::new(make))
}

/// A registry that takes what is at the level `info` and above, as a service has it.
pub(crate) fn filtered_registry()
-> tracing_subscriber::layer::Layered<tracing_subscriber::EnvFilter, tracing_subscriber::Registry> {
    tracing_subscriber::registry().with(tracing_subscriber::EnvFilter::new("info"))
}
