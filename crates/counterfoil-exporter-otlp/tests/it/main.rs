//! The exporter from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod config;
mod conformance;
mod encoding;
mod grpc;
mod http;
mod metrics;
mod sizes;
mod support;
