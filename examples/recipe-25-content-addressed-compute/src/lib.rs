//! A gRPC server that computes what a content address names, observed in three layers: see the README.

mod metrics;
mod rolling;

pub use metrics::TABLE;
