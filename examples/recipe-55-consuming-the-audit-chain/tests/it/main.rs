//! Recipe 55, from the outside: a real collector and a real producer in this process.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod acting;
mod history;
mod place;
mod restarts;
