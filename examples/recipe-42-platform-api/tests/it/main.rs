//! The tests of the platform, as one binary.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod api;
mod end_to_end;
mod forms;
mod front;
mod hostile_api;
mod ops;
mod pages;
mod platform;
mod sanitised;
mod worker;
