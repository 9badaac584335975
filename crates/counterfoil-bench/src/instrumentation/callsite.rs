//! Rows of a callsite that is disabled.

use std::hint::black_box;

use super::side::{Batches, Side};
use super::turns::medians;
use crate::group::Outcome;
use crate::measure::{Batch, Effort};
use crate::row::Row;

const OPS: u32 = 100_000;

pub(crate) fn rows(effort: Effort) -> Outcome<Vec<Row>> {
    let sides = [Side::CallsiteNone, Side::CallsiteOurs, Side::CallsiteStock];
    let [none, ours, stock] = medians(effort, sides)?;
    Ok(vec![Row {
        name: "disabled callsite".into(),
        threads: 1,
        ns_per_op: ours.ns,
        stock_ns_per_op: none.ns,
        // A tenth of a nanosecond is what rounds of the same side differ by.
        target_ns: Some(none.ns + 0.1),
        allocations_per_op: Some(ours.allocations),
        stock: "the same callsite in a process without a subscriber",
        figures: vec![("fmt_and_tracing_opentelemetry_ns", stock.ns)],
    }])
}

/// Batches of an event that nobody asked for.
pub(crate) fn batches() -> Batches {
    let make = || -> Batch<'static> {
        Box::new(|ops| {
            for op in 0..ops {
                tracing::debug!(order = black_box(op), "not asked for");
            }
        })
    };
    (OPS, Box::new(make))
}
