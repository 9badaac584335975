//! Recipe 17, from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod backends;
mod journal;
mod syslog;
