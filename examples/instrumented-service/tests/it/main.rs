//! The tests of the lease desk, as one binary.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod desk;
mod request;
