//! The integration tests of `counterfoil-merkle`, as one binary.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod definition;
mod known_answers;
mod notes;
mod proofs;
mod receipts;
mod tiles;
mod tree;
mod vectors;
