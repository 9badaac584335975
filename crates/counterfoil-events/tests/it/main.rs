//! The event ring from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod clock;
mod drain;
#[cfg(feature = "json")]
mod json;
mod snapshot;
mod threads;
