//! Tests of questions to logs from outside.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod filter;
mod follow;
mod index;
mod lives;
mod ocsf;
mod replay;
mod replay_of_random_lives;
mod support;
