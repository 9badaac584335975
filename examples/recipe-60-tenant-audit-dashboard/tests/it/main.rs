//! Recipe 60, from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod hostile;
mod proof;
mod tenants;
