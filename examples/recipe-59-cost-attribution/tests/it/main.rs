//! Recipe 59, from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod bill;
mod log;
mod reconcile;
mod report;
