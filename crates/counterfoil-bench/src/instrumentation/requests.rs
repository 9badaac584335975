//! Rows of a request: what the layers add to one without any.

use super::figure::Figure;
use super::side::Side;
use super::turns::medians;
use crate::group::Outcome;
use crate::measure::Effort;
use crate::row::Row;

const STOCK: &str = "tower-http 0.7 TraceLayer, metrics 0.24 macros on metrics-exporter-prometheus 0.18 with its upkeep, \
                     tracing-opentelemetry 0.34 on opentelemetry_sdk 0.33; spans are dropped when they end";
const STOCK_JSON: &str =
    "the same, and a JSON line per request from tracing-subscriber 0.3 fmt into a sink";

pub(crate) fn rows(effort: Effort) -> Outcome<Vec<Row>> {
    let sides = [
        Side::RequestBare,
        Side::RequestOurs,
        Side::RequestStock,
        Side::RequestOursJson,
        Side::RequestStockJson,
    ];
    let [bare, ours, stock, ours_json, stock_json] = medians(effort, sides)?;
    Ok(vec![
        added("request: context, metrics, span", bare, ours, stock, STOCK),
        added(
            "request: the same and a JSON line",
            bare,
            ours_json,
            stock_json,
            STOCK_JSON,
        ),
    ])
}

/// What the layers of each side add.
fn added(name: &str, bare: Figure, ours: Figure, stock: Figure, what: &'static str) -> Row {
    Row {
        name: name.into(),
        threads: 1,
        ns_per_op: ours.ns - bare.ns,
        stock_ns_per_op: stock.ns - bare.ns,
        target_ns: None,
        allocations_per_op: Some(ours.allocations - bare.allocations),
        stock: what,
        figures: vec![
            ("bare_ns", bare.ns),
            ("with_our_layers_ns", ours.ns),
            ("with_stock_layers_ns", stock.ns),
            ("bare_allocations", bare.allocations),
            ("stock_allocations", stock.allocations - bare.allocations),
        ],
    }
}
