//! Integration tests.

#![allow(
    clippy::result_large_err,
    clippy::unwrap_used,
    reason = "helpers of tests fail the test that calls them"
)]

mod client;
mod conformance;
mod shipper;
mod support;
