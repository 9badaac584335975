//! The tests of the platform, as one binary.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod api;
mod end_to_end;
mod platform;
mod sanitised;
mod worker;
