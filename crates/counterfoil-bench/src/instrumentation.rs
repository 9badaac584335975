//! `bench instrumentation`: what a request, a span, a disabled callsite, a scrape and a redacted text cost.
//!
//! A subscriber and a recorder belong to a whole process, and a second one changes what the first one costs. So each side of
//! a comparison runs in a process of its own, and the sides take turns.

mod callsite;
mod figure;
mod ours;
mod redact;
mod request;
mod requests;
mod scrape;
mod side;
mod spans;
mod stock;
mod turns;

pub(crate) use side::Side;
pub(crate) use stock::layers as stock_layers;

use crate::group::{Group, Outcome, run_groups};
use crate::measure::Effort;
use crate::row::Row;

/// Measures the groups whose name contains `only`, and hands each row to `emit` as soon as it is known.
pub(crate) fn run(effort: Effort, only: &str, emit: impl FnMut(&Row)) -> Outcome<()> {
    let groups: Vec<Group<'_>> = vec![
        ("request", Box::new(move || requests::rows(effort))),
        ("span", Box::new(move || spans::rows(effort))),
        ("callsite", Box::new(move || callsite::rows(effort))),
        ("scrape", Box::new(move || scrape::rows(effort))),
        ("redact", Box::new(move || redact::rows(effort))),
    ];
    run_groups(&groups, only, emit)
}
