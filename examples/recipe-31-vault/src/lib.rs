//! A vault of content-addressed objects, observed in three layers: see the README.
#![expect(dead_code, reason = "the names come first")]

mod errors;
mod metrics;

pub use metrics::TABLE;
