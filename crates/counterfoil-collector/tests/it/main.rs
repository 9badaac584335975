//! The collector from the outside.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::result_large_err,
    clippy::unwrap_used,
    reason = "helpers of tests fail the test that calls them"
)]

mod catalogue;
mod door;
mod indexing;
mod ingest;
mod openapi;
mod read;
mod schemathesis;
mod shipping;
mod storage;
