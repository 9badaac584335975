//! The integration tests of `counterfoil-merkle`, as one binary.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod notes;
mod tree;
mod vectors;
